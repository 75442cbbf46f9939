import { cloneJson, isJsonObject } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { ApplyConflict, ApplyError, applyObject } from '../fields/applyObject.ts';
import type { ApplyWrite } from '../fields/applyObject.ts';
import { conflictMessage } from '../fields/conflicts.ts';
import { applyConflict, badRequest, conflict } from '../http/status.ts';
import { refOf, type Call, type RegistryDeps, type Written } from './call.ts';
import { checkFields, checkName, checkNamespace, checkType, versionSaid } from './checks.ts';
import { createObject } from './create.ts';
import { metaOf, sharingWith, textAt } from './object.ts';
import { apiVersionOf } from './resource.ts';
import { deriveObject } from './update.ts';
import { upsert, type Upserted } from './upsert.ts';
import { sharesNodes } from './versions.ts';

/** What an apply request says beside the call. */
export interface ApplyRequest {
  /** The body. */
  body: JsonValue;
  /** Takes fields from other managers. */
  force: boolean;
  /** Called before anything is created. @throws ApiError 403. */
  mayCreate: () => Promise<void>;
}

/**
 * Applies an object by the server: merges it into the one that is there, or creates it.
 * @throws ApiError 400 for what does not fit, 404 for a subresource of what is not there, 409 with a cause per field for
 *   conflicts with other managers, 422.
 */
export async function applyRequest(deps: RegistryDeps, call: Call, request: ApplyRequest): Promise<Upserted> {
  const applied: Call = { ...call, operation: 'Apply' };
  const sent = sentObject(applied, request.body);
  const update = (): Promise<Written> =>
    deriveObject(deps, applied, (current) => applyTo(deps, applied, { sent, request }, current));
  if (call.subresource !== '') return { written: await update(), created: false };
  return upsert(update, () => create(deps, applied, { sent, request }));
}

interface Sent {
  sent: JsonObject;
  request: ApplyRequest;
}

function applyTo(deps: RegistryDeps, call: Call, { sent, request }: Sent, current: JsonObject): JsonObject {
  // what is nested is changed in place later on: by defaults, and by the strategies of built-in kinds
  const shares = sharesNodes(call.resource);
  const live = shares ? current : cloneJson(current);
  const object = sharingWith(live, applied(deps, call, { live, sent: cloneJson(sent), force: request.force }));
  return admit(call, object, shares ? current : undefined);
}

async function create(deps: RegistryDeps, call: Call, { sent, request }: Sent): Promise<Written> {
  const object = cloneJson(applied(deps, call, { live: undefined, sent, force: request.force }));
  const uid = textAt(metaOf(object), 'uid');
  if (uid !== '') {
    const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
    throw conflict(refOf(call), why);
  }
  await request.mayCreate();
  // told when the body was merged
  return createObject(deps, { ...call, name: '', repeated: [] }, admit(call, object, undefined));
}

function applied(deps: RegistryDeps, call: Call, what: Pick<ApplyWrite, 'live' | 'sent' | 'force'>): JsonObject {
  const { resource, subresource } = call;
  return applyOrRefuse(call, {
    ...what,
    manager: call.manager,
    apiVersion: apiVersionOf(resource),
    subresource,
    now: new Date(deps.clock.now()),
    versions: resource.fieldVersions,
    reset: resource.resetFields(subresource),
  });
}

/** {@link applyObject}, refusals told as Kubernetes does. @throws ApiError 400, 409. */
export function applyOrRefuse(call: Call, write: ApplyWrite): JsonObject {
  try {
    const object = applyObject(write);
    refuseDuplicates(call);
    return object;
  } catch (error) {
    if (error instanceof ApplyConflict) {
      const causes = error.conflicts.map(({ owner, path }) => ({
        reason: 'FieldManagerConflict',
        message: `conflict with ${owner}`,
        field: path,
      }));
      throw applyConflict(conflictMessage(error.conflicts), causes);
    }
    if (error instanceof ApplyError) {
      throw badRequest(`failed to create typed patch object (${nameOf(write.sent)}): ${error.message}`);
    }
    throw error;
  }
}

/** Repeated keys; unknown fields are refused whatever is asked for, as nobody could own them. */
function refuseDuplicates(call: Call): void {
  if (call.repeated.length === 0 || call.validation === 'Ignore') return;
  if (call.validation === 'Strict') {
    const keys = call.repeated.map((text) => `  ${text}`).join('\n');
    throw badRequest(`error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n${keys}`);
  }
  call.warnings.push(...call.repeated);
}

function nameOf(sent: JsonObject): string {
  const meta = metaOf(sent);
  return `${textAt(meta, 'namespace')}/${textAt(meta, 'name')}; ${gvkText(sent)}`;
}

/** `group/version, Kind=Kind`. */
function gvkText(object: JsonObject): string {
  const version = textAt(object, 'apiVersion');
  return `${version.includes('/') ? version : `/${version}`}, Kind=${textAt(object, 'kind')}`;
}

function sentObject(call: Call, body: JsonValue): JsonObject {
  const { resource } = call;
  return checkSent(body, { apiVersion: apiVersionOf(resource), kind: resource.names.kind });
}

/** The body of an apply: an object that says its type, and leaves managedFields to the server. @throws ApiError 400. */
export function checkSent(body: JsonValue, expected: { apiVersion: string; kind: string }): JsonObject {
  if (!isJsonObject(body)) throw badRequest('error decoding YAML: the body of an apply must be an object');
  if (versionSaid(body) !== expected.apiVersion || textAt(body, 'kind') !== expected.kind) {
    throw badRequest(`invalid object type: ${gvkText(body)}`);
  }
  const metadata = body['metadata'];
  if (isJsonObject(metadata) && (metadata['managedFields'] ?? null) !== null) {
    throw badRequest('metadata.managedFields must be nil');
  }
  return isJsonObject(metadata) ? body : { ...body, metadata: {} };
}

function admit(call: Call, object: JsonObject, old: JsonObject | undefined): JsonObject {
  checkType(object, call.resource);
  checkFields(call.resource.schema.admitRequest(object, old), { ...call, repeated: [], validation: 'Ignore' });
  checkNamespace(object, call);
  checkName(object, call);
  return object;
}
