import { isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import { badRequest, invalid, notFound } from '../http/status.ts';
import { invalid as invalidField, type FieldError } from '../schema/fieldErrors.ts';
import { AGE_COLUMN, compileTable } from '../table/table.ts';
import { patched, patchFunction } from './patch.ts';
import { refOf, type Admission, type Call, type RegistryDeps } from './call.ts';
import { metaOf, objectAt, textAt } from './object.ts';
import type { ScalePaths } from './resource.ts';
import { updateObject } from './update.ts';

/** How a Scale is shown. */
export const SCALES = {
  conversion: undefined,
  table: compileTable([
    {
      name: 'Desired',
      type: 'integer',
      jsonPath: '.spec.replicas',
      description: 'replicas is the desired number of instances for the scaled object.',
    },
    {
      name: 'Available',
      type: 'integer',
      jsonPath: '.status.replicas',
      description: 'replicas is the actual number of observed instances of the scaled object.',
    },
    AGE_COLUMN,
  ]),
};

const SCALE_KIND = { group: 'autoscaling', version: 'v1', kind: 'Scale' };

/** autoscaling/v1 Scale of a custom resource, by the paths of its definition. */
export function toScale(object: JsonObject, paths: ScalePaths): JsonObject {
  const meta = metaOf(object);
  const metadata: JsonObject = {};
  for (const key of ['name', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp']) {
    const value = meta[key];
    if (value !== undefined) metadata[key] = value;
  }
  const replicas = numberAt(object, paths.specReplicasPath);
  const status: JsonObject = { replicas: numberAt(object, paths.statusReplicasPath) ?? 0 };
  const selector = paths.labelSelectorPath === undefined ? undefined : valueAt(object, paths.labelSelectorPath);
  if (typeof selector === 'string' && selector !== '') status['selector'] = selector;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata,
    spec: replicas === undefined ? {} : { replicas },
    status,
  };
}

/** Replaces the Scale of the object of `call` (PUT). Returns the new Scale. */
export async function replaceScale(
  deps: RegistryDeps,
  call: Call,
  paths: ScalePaths,
  body: JsonObject,
): Promise<JsonObject> {
  return writeScale(deps, call, paths, () => body);
}

/** Patches the Scale of the object of `call`. Returns the new Scale. */
export async function patchScale(
  deps: RegistryDeps,
  call: Call,
  paths: ScalePaths,
  patch: { type: string; body: JsonValue },
): Promise<JsonObject> {
  const apply = patchFunction({ ...call.resource, strategicKind: undefined }, patch.type, patch.body);
  return writeScale(deps, call, paths, (current) => patched(call, toScale(current, paths), apply));
}

/**
 * Writes the replicas that `change` makes of the current object; `change` may also set its managedFields.
 * @throws ApiError 400, 404, 409, 422.
 */
export async function writeScale(
  deps: RegistryDeps,
  call: Call,
  paths: ScalePaths,
  change: (current: JsonObject) => JsonObject,
): Promise<JsonObject> {
  // for generation and managedFields a scale is an ordinary change of spec; policies see nothing but Scales
  const policies = deps.policies.map((policy) => ofScales(policy, paths));
  const written = await updateObject({ ...deps, policies }, call, (current) => {
    const scale = change(current);
    checkScale(call, scale);
    const replicas = objectAt(scale, 'spec')?.['replicas'] ?? 0;
    setAt(current, paths.specReplicasPath, replicas);
    const version = textAt(metaOf(scale), 'resourceVersion');
    if (version !== '') metaOf(current)['resourceVersion'] = version;
    const uid = textAt(metaOf(scale), 'uid');
    if (uid !== '') metaOf(current)['uid'] = uid;
    return current;
  });
  return toScale(written.object(), paths);
}

function ofScales(policy: Admission, paths: ScalePaths): Admission {
  const scaleOf = (object: JsonObject | undefined): JsonObject | undefined => object && toScale(object, paths);
  return {
    admit: (request) =>
      policy.admit({ ...request, kind: SCALE_KIND, object: scaleOf(request.object), old: scaleOf(request.old) }),
  };
}

function checkScale(call: Call, scale: JsonObject): void {
  const kind = textAt(scale, 'kind');
  if (kind !== '' && kind !== 'Scale') throw badRequest(`expected a Scale in the body, but got ${kind}`);
  const name = textAt(metaOf(scale), 'name');
  if (name !== '' && name !== call.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${call.name})`);
  }
  const replicas = objectAt(scale, 'spec')?.['replicas'] ?? 0;
  if (typeof replicas === 'number' && Number.isInteger(replicas) && replicas >= 0) return;
  throw invalid({ group: 'autoscaling', kind: 'Scale', name: call.name }, [
    {
      type: 'FieldValueInvalid',
      field: 'spec.replicas',
      badValue: replicas,
      detail: 'must be an integer greater than or equal to 0',
    },
  ]);
}

const MAX_REPLICAS = 2 ** 31 - 1;

/** Checks that the replicas of an object are numbers that a Scale can show. */
export function replicaErrors(object: JsonObject, paths: ScalePaths): FieldError[] {
  return [paths.specReplicasPath, paths.statusReplicasPath].flatMap((path) => {
    const found = valueAt(object, path);
    // a bigint is an integer that a number cannot hold
    const replicas = typeof found === 'number' || typeof found === 'bigint' ? found : 0;
    if (replicas < 0) return [invalidField(path, replicas, 'should be a non-negative integer')];
    return replicas > MAX_REPLICAS
      ? [invalidField(path, replicas, `should be less than or equal to ${MAX_REPLICAS}`)]
      : [];
  });
}

/** The Scale of an object that has none (its path is missing). */
export function requireScale(call: Call): ScalePaths {
  const { scale } = call.resource;
  if (scale === undefined) throw notFound(refOf(call));
  return scale;
}

/** The members on the way of a path. Paths of scale are plain: `.spec.replicas`, `.spec.a["b"]` is not allowed in them. */
export function pathOf(path: string): string[] {
  return path.split('.').filter((part) => part !== '');
}

function valueAt(object: JsonObject, path: string): JsonValue | undefined {
  let value: JsonValue | undefined = object;
  for (const part of pathOf(path)) {
    if (!isJsonObject(value) || !Object.hasOwn(value, part)) return undefined;
    value = value[part];
  }
  return value;
}

function numberAt(object: JsonObject, path: string): number | undefined {
  const value = valueAt(object, path);
  return typeof value === 'number' ? value : undefined;
}

function setAt(object: JsonObject, path: string, value: JsonValue): void {
  const parts = pathOf(path);
  let target = object;
  for (const part of parts.slice(0, -1)) {
    const next = objectAt(target, part) ?? {};
    target[part] = next;
    target = next;
  }
  target[parts.at(-1) ?? ''] = value;
}
