import type { JsonObject } from '../../codec/json.ts';
import { objectAt, textAt } from '../../registry/object.ts';
import type { StoredResource } from '../../registry/resource.ts';
import { cachedToObject } from '../../registry/versions.ts';
import { compileSelector } from '../../selectors/selectorObject.ts';
import type { Binding } from './policyIndex.ts';

/** The parameters to judge with, once each (undefined = without any), or why there are none. */
export type Params = { params: readonly (JsonObject | undefined)[] } | { problem: string };

/** What `binding` gives its policy as parameters, of `kind`, for a request in `namespace`. */
export async function paramsOf(binding: Binding, kind: StoredResource | undefined, namespace: string): Promise<Params> {
  const { paramRef } = binding;
  if (kind === undefined || paramRef === undefined) return { params: [undefined] };
  const place = placeOf(kind, textAt(paramRef, 'namespace'), namespace);
  if (typeof place !== 'string') return place;
  const params = await find(kind, paramRef, place);
  if (params.length > 0) return { params };
  if (textAt(paramRef, 'parameterNotFoundAction') === 'Allow') return { params: [] };
  return { problem: 'no params found for policy binding with `Deny` parameterNotFoundAction' };
}

/** The namespace that they are in. @param given  By the binding. */
function placeOf({ namespaced }: StoredResource, given: string, namespace: string): string | { problem: string } {
  if (!namespaced) {
    return given === '' ? '' : { problem: 'paramRef.namespace must not be provided for a cluster-scoped `paramKind`' };
  }
  const place = given || namespace;
  if (place !== '') return place;
  return { problem: 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources' };
}

async function find(resource: StoredResource, paramRef: JsonObject, namespace: string): Promise<JsonObject[]> {
  const { store } = resource;
  await store.cache.ready();
  const name = textAt(paramRef, 'name');
  if (name !== '') {
    const cached = store.cache.get(store.key(namespace, name));
    return cached === undefined ? [] : [cachedToObject(resource, cached)];
  }
  const selector = compileSelector(objectAt(paramRef, 'selector'));
  const found = store.cache.list(store.prefixOf(namespace)).filter(({ labels }) => selector.matches(labels));
  return found.map((cached) => cachedToObject(resource, cached));
}
