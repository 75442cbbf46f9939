import { cloneJson, type JsonObject } from '../codec/json.ts';
import { randomInt, randomUUID } from 'node:crypto';
import { toTime } from '../../lib/clock.ts';
import { alreadyExists, ApiError, badRequest, forbidden } from '../http/status.ts';
import { applyDefaults } from '../schema/defaults.ts';
import { validateObjectMeta } from '../schema/objectMeta.ts';
import { StorageError, type Entry } from '../storage/storage.ts';
import { keyOf, refOf, type Call, type RegistryDeps, type Written } from './call.ts';
import { checkFields, checkNamespace, checkType, refuseDeep, refuseInvalid } from './checks.ts';
import { dropMembers, metaOf, textAt, tidyMeta } from './object.ts';
import { dropTwinOwners } from './owners.ts';
import { recordManager } from './recordManager.ts';
import type { StoredResource } from './resource.ts';
import { encodeEntry, notWritten, writtenAs } from './versions.ts';

/** Letters of generated names: none that make words or look alike. */
const NAME_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const NAME_SUFFIX_LENGTH = 5;
const MAX_GENERATED_BASE = 63 - NAME_SUFFIX_LENGTH;
const MAX_NAME_TRIES = 8;

/**
 * Creates the object in `body` (changed in place).
 * @throws ApiError 400, 403, 404 (namespace), 409 AlreadyExists, 422.
 */
export function createObject(deps: RegistryDeps, call: Call, body: JsonObject): Promise<Written> {
  const { namespace, resource } = call;
  const creation = { resource: `${resource.names.plural}.${resource.group}`, namespace };
  return deps.creations.run(creation, () => create(deps, call, body));
}

async function create(deps: RegistryDeps, call: Call, body: JsonObject): Promise<Written> {
  const { resource } = call;
  const stop = resource.createForbidden?.();
  if (stop !== undefined) throw forbidden({ ...refOf(call), name: textAt(metaOf(body), 'name') }, stop);
  checkType(body, resource);
  checkFields(resource.schema.admitRequest(body), call);
  checkNamespace(body, call);
  dropTwinOwners(body, call.warnings, 'sent');
  prepare(deps, call, body);
  const meta = metaOf(body);
  if (textAt(meta, 'name') === '' && textAt(meta, 'generateName') !== '') return createGenerated(deps, call, body);
  return createNamed(deps, call, body);
}

function createNamed(deps: RegistryDeps, call: Call, object: JsonObject): Promise<Written> {
  const named: Call = { ...call, name: textAt(metaOf(object), 'name') };
  return admitAndStore(deps, named, object).catch((error: unknown) => {
    if (error instanceof StorageError && error.code === 'KeyExists') {
      const isEnding = call.resource.store.cache.get(keyOf(named))?.deleting === true;
      throw alreadyExists(refOf(named), isEnding ? 'object is being deleted: ' : '');
    }
    throw error;
  });
}

/** A generated name may be taken by chance: tried again with another. */
async function createGenerated(deps: RegistryDeps, call: Call, body: JsonObject): Promise<Written> {
  for (let attempt = 1; ; attempt++) {
    const object = cloneJson(body);
    metaOf(object)['name'] = generateName(textAt(metaOf(object), 'generateName'));
    try {
      return await createNamed(deps, call, object);
    } catch (error) {
      const taken = error instanceof ApiError && error.status.reason === 'AlreadyExists';
      if (!taken || attempt >= MAX_NAME_TRIES) throw error;
    }
  }
}

/** Sets what the server decides and drops what clients may not. */
function prepare(deps: RegistryDeps, call: Call, object: JsonObject): void {
  const { resource } = call;
  const meta = metaOf(object);
  if (!['', '0'].includes(textAt(meta, 'resourceVersion'))) {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  dropMembers(meta, 'resourceVersion', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'selfLink', 'generation');
  meta['uid'] = randomUUID();
  meta['creationTimestamp'] = toTime(deps.clock.now());
  if (resource.strategy.tracksGeneration) meta['generation'] = 1;
  if (resource.status) resetStatus(object, resource);
  tidyMeta(object);
}

/** Status is what controllers say; a new object has the default of its schema, where there is one. */
function resetStatus(object: JsonObject, resource: StoredResource): void {
  dropMembers(object, 'status');
  const status = resource.schema.root.properties.get('status');
  if (status?.default !== undefined) applyDefaults(object, resource.schema.root);
}

async function admitAndStore(deps: RegistryDeps, call: Call, object: JsonObject): Promise<Written> {
  const { resource } = call;
  const { strategy } = resource;
  strategy.prepareForCreate?.(object);
  for (const admission of deps.admissions) await admission.admit({ operation: 'CREATE', call, object, old: undefined });
  if (call.operation === 'Update') {
    recordManager(call, { live: undefined, object }, deps.clock);
  }
  refuseDeep(object);
  refuseInvalid(object, call, [
    ...validateObjectMeta(object, strategy.nameRule, resource.namespaced),
    ...resource.schema.validateCreate(object),
    ...(strategy.validate?.(object) ?? []),
  ]);
  for (const policy of deps.policies) await policy.admit({ operation: 'CREATE', call, object, old: undefined });
  call.warnings.push(...(strategy.warnings?.(object, undefined) ?? []));
  if (call.dryRun) return dryRun(call, object);
  // not awaited: the frame of this function would keep the object alive until the store has written
  return store(call, object).then((entry) => writtenAs(resource, entry));
}

function store(call: Call, object: JsonObject): Promise<Entry> {
  const { resource } = call;
  const value = encodeEntry(call, object);
  const { ttlSeconds } = resource.strategy;
  return resource.store.storage.create(keyOf(call), value, ttlSeconds === undefined ? {} : { ttlSeconds });
}

/** Nothing is stored, and no resourceVersion is shown: by that clients tell "would be created". */
async function dryRun(call: Call, object: JsonObject): Promise<Written> {
  const key = keyOf(call);
  if ((await call.resource.store.storage.get(key)) !== undefined) throw new StorageError('KeyExists', key);
  return notWritten(object);
}

function generateName(base: string): string {
  let suffix = '';
  for (let i = 0; i < NAME_SUFFIX_LENGTH; i++) suffix += NAME_LETTERS[randomInt(NAME_LETTERS.length)] ?? '';
  return `${base.slice(0, MAX_GENERATED_BASE)}${suffix}`;
}
