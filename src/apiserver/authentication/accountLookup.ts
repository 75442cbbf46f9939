import type { JsonObject } from '../codec/json.ts';
import type { User } from '../http/authentication.ts';
import { isDeleting, metaOf, textAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { decodeEntry } from '../registry/versions.ts';

/** Which very object: one of the same name that came later is another. */
export interface Identity {
  namespace: string;
  name: string;
  uid: string;
}

/** An object that is not being deleted. The store is asked, as a cache may be behind. */
export async function readLiving(
  resource: StoredResource,
  { namespace, name }: Omit<Identity, 'uid'>,
): Promise<JsonObject | undefined> {
  if (namespace === '' || name === '') return undefined;
  const entry = await resource.store.storage.get(resource.store.key(namespace, name));
  const object = entry && decodeEntry(resource, entry);
  return object === undefined || isDeleting(object) ? undefined : object;
}

/** Whether the very object is there, and is not being deleted. */
export async function isThere(resource: StoredResource, identity: Identity): Promise<boolean> {
  const object = await readLiving(resource, identity);
  return object !== undefined && identity.uid !== '' && textAt(metaOf(object), 'uid') === identity.uid;
}

/** Who a ServiceAccount is as a user. */
export function accountUser({ namespace, name, uid }: Identity): User {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}
