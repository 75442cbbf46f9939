import { cloneJson } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import type { FieldVersion } from '../fields/fieldVersions.ts';
import { fieldTypeOf } from '../fields/fieldType.ts';
import { fieldElement } from '../fields/pathElement.ts';
import { EMPTY, isEmptySet, isMember, subtractSet } from '../fields/fieldSet.ts';
import type { FieldSet } from '../fields/fieldSet.ts';
import { decodeEntries, encodeEntries, identityOf, storedFields } from '../fields/managedEntries.ts';
import type { ManagedEntries } from '../fields/managedEntries.ts';
import { parseStructural } from '../schema/structural.ts';
import { applyOrRefuse, checkSent } from './apply.ts';
import type { Call, RegistryDeps } from './call.ts';
import { metaOf } from './object.ts';
import { apiVersionOf } from './resource.ts';
import { pathOf, requireScale, toScale, writeScale } from './scale.ts';

const SCALE = { apiVersion: 'autoscaling/v1', kind: 'Scale' };
const integer = { type: 'integer' };
const SCALE_VERSION: FieldVersion = {
  type: fieldTypeOf(
    parseStructural({
      type: 'object',
      properties: {
        spec: { type: 'object', properties: { replicas: integer } },
        status: { type: 'object', properties: { replicas: integer, selector: { type: 'string' } } },
      },
    }),
  ),
  isRevised: false,
  to: (object) => object,
  from: (object) => object,
};
const REPLICAS: FieldSet = { 'f:spec': { 'f:replicas': EMPTY } };

/** Applies a Scale to the object of `call`. Returns the new Scale. @throws ApiError as {@link applyRequest}. */
export async function applyScale(
  deps: RegistryDeps,
  call: Call,
  request: { body: JsonValue; force: boolean },
): Promise<JsonObject> {
  const paths = requireScale(call);
  const sent = checkSent(request.body, SCALE);
  const field = setOf(pathOf(paths.specReplicasPath));
  return writeScale(deps, { ...call, operation: 'Apply' }, paths, (current) => {
    const entries = entriesOf(current);
    const live = toScale(current, paths);
    const managed = encodeEntries(ofScale(entries, field));
    metaOf(live)['managedFields'] = managed.length === 0 ? null : managed;
    const scale = applyOrRefuse(call, {
      live,
      sent: cloneJson(sent),
      force: request.force,
      manager: call.manager,
      apiVersion: SCALE.apiVersion,
      subresource: 'scale',
      now: new Date(deps.clock.now()),
      versions: (apiVersion) => (apiVersion === SCALE.apiVersion ? SCALE_VERSION : undefined),
      reset: [],
    });
    const after = ofParent(entries, entriesOf(scale), { field, apiVersion: apiVersionOf(call.resource) });
    metaOf(current)['managedFields'] = encodeEntries(after);
    return scale;
  });
}

function entriesOf(object: JsonObject): ManagedEntries {
  const list = metaOf(object)['managedFields'];
  return decodeEntries(list, storedFields) ?? new Map<string, never>();
}

/** Who owns the replicas, as owners of a Scale. */
function ofScale(entries: ManagedEntries, field: FieldSet): ManagedEntries {
  const owners: ManagedEntries = new Map();
  for (const entry of entries.values()) {
    if (!owns(entry.fields, field)) continue;
    const owner = { ...entry, apiVersion: SCALE.apiVersion, fields: REPLICAS };
    owners.set(identityOf(owner), owner);
  }
  return owners;
}

/** The owners of the whole object, after the replicas went to the `owners` of the Scale. */
function ofParent(
  entries: ManagedEntries,
  owners: ManagedEntries,
  { field, apiVersion }: { field: FieldSet; apiVersion: string },
): ManagedEntries {
  const after: ManagedEntries = new Map();
  const left = new Map(owners);
  for (const [identity, entry] of entries) {
    const asOwner = identityOf({ ...entry, apiVersion: SCALE.apiVersion });
    const isKept = !owns(entry.fields, field) || left.delete(asOwner);
    const fields = isKept ? entry.fields : subtractSet(entry.fields, field);
    if (!isEmptySet(fields)) after.set(identity, { ...entry, fields });
  }
  for (const owner of left.values()) {
    const entry = { ...owner, apiVersion, fields: field };
    after.set(identityOf(entry), entry);
  }
  return after;
}

function setOf(path: readonly string[]): FieldSet {
  return path.reduceRight<FieldSet>((below, name) => ({ [fieldElement(name)]: below }), EMPTY);
}

function owns(fields: FieldSet, path: FieldSet): boolean {
  const [element] = Object.keys(path);
  if (element === undefined) return isMember(fields);
  const below = fields[element];
  return (
    below !== undefined && (isEmptySet(path[element] ?? EMPTY) ? isMember(below) : owns(below, path[element] ?? EMPTY))
  );
}
