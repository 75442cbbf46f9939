import { equalJson, isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import { internalCall, tolerating } from '../controllers/internalCalls.ts';
import type { RegistryDeps } from '../registry/call.ts';
import { createObject } from '../registry/create.ts';
import { deleteObject } from '../registry/delete.ts';
import { BACKGROUND } from '../registry/deleteOptions.ts';
import { listAt, metaOf, objectAt, textAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { updateObject } from '../registry/update.ts';
import { AUTOUPDATE } from './bootstrapRoles.ts';
import { ruleToJson, rulesOf, uncovered } from './rules.ts';

const MANAGER = 'kube-apiserver';

/**
 * Creates `role`, or adds what it lacks: rules, labels, annotations, selectors of its aggregation rule. What somebody
 * added stays. A role whose annotation `autoupdate` is `false` is left alone.
 */
export async function ensureRole(registry: RegistryDeps, resource: StoredResource, role: JsonObject): Promise<void> {
  await ensure(registry, resource, role, (current) => {
    addMissing(current, role, 'aggregationRule.clusterRoleSelectors');
    // an aggregated role gets its rules from others
    if (objectAt(current, 'aggregationRule') !== undefined) return;
    const lacking = rulesOf(role).filter((rule) => uncovered(rulesOf(current), [rule]).length > 0);
    if (lacking.length > 0) current['rules'] = [...listAt(current, 'rules'), ...lacking.map(ruleToJson)];
  });
}

/** Creates `binding`, or adds the subjects it lacks; one that gives another role is replaced, as that cannot change. */
export async function ensureBinding(
  registry: RegistryDeps,
  resource: StoredResource,
  binding: JsonObject,
): Promise<void> {
  const found = { another: false };
  await ensure(registry, resource, binding, (current) => {
    found.another = !equalJson(objectAt(current, 'roleRef') ?? {}, objectAt(binding, 'roleRef') ?? {});
    if (!found.another) addMissing(current, binding, 'subjects');
  });
  if (!found.another) return;
  const call = internalCall({ resource, namespace: '', name: textAt(metaOf(binding), 'name'), manager: MANAGER });
  await tolerating([404], () => deleteObject(registry, call, BACKGROUND));
  await tolerating([409], () => createObject(registry, call, structuredClone(binding)));
}

async function ensure(
  registry: RegistryDeps,
  resource: StoredResource,
  wanted: JsonObject,
  complete: (current: JsonObject) => void,
): Promise<void> {
  const call = internalCall({ resource, namespace: '', name: textAt(metaOf(wanted), 'name'), manager: MANAGER });
  const { store } = resource;
  if (store.cache.get(store.key('', call.name)) === undefined) {
    const created = await tolerating([409], () => createObject(registry, call, structuredClone(wanted)));
    if (created !== undefined) return;
  }
  await updateObject(registry, call, (current) => {
    const meta = metaOf(current);
    if (textAt(objectAt(meta, 'annotations'), AUTOUPDATE) === 'false') return current;
    for (const key of ['labels', 'annotations']) {
      const mine = objectAt(wanted['metadata'], key);
      if (mine !== undefined) meta[key] = { ...objectAt(meta, key), ...mine };
    }
    complete(current);
    return current;
  });
}

/** Appends the items of the list at `path` of `wanted` that `current` lacks. */
function addMissing(current: JsonObject, wanted: JsonObject, path: string): void {
  const [first = '', second] = path.split('.');
  if (second !== undefined) {
    const inside = objectAt(wanted, first);
    if (inside === undefined) return;
    const own = objectAt(current, first) ?? {};
    current[first] = own;
    addMissing(own, inside, second);
    return;
  }
  const present = listAt(current, first);
  const lacking = listAt(wanted, first).filter((item) => !present.some((one) => sameItem(one, item)));
  if (lacking.length > 0) current[first] = [...present, ...lacking];
}

function sameItem(one: JsonValue, other: JsonValue): boolean {
  return isJsonObject(one) && isJsonObject(other) && equalJson(one, other);
}
