import type { JsonObject } from '../../codec/json.ts';
import type { Catalog } from '../../registry/catalog.ts';
import { objectAt, textAt } from '../../registry/object.ts';
import type { StoredResource } from '../../registry/resource.ts';
import { cachedToObject } from '../../registry/versions.ts';
import { compileSelector } from '../../selectors/selectorObject.ts';
import type { Binding, Policy } from './policyIndex.ts';

/** The parameters to judge with, once each (undefined = without any), or why there are none. */
export type Params = { params: readonly (JsonObject | undefined)[] } | { problem: string };

/** What `binding` gives `policy` as parameters for a request in `namespace`. */
export async function paramsOf(policy: Policy, binding: Binding, namespace: string, catalog: Catalog): Promise<Params> {
  const { paramKind } = policy;
  if (paramKind === undefined) return { params: [undefined] };
  const { paramRef } = binding;
  if (paramRef === undefined) return { params: [undefined] };
  const resource = catalog.findKind(paramKind.apiVersion, paramKind.kind);
  if (resource === undefined)
    return {
      problem: `failed to find resource referenced by paramKind: '${paramKind.apiVersion}, Kind=${paramKind.kind}'`,
    };
  const where = resource.namespaced ? textAt(paramRef, 'namespace') || namespace : '';
  if (resource.namespaced && where === '') {
    return { problem: 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources' };
  }
  const params = await find(resource, paramRef, where);
  if (params.length > 0) return { params };
  if (textAt(paramRef, 'parameterNotFoundAction') === 'Allow') return { params: [] };
  return {
    problem: 'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
  };
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
