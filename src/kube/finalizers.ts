import type { KubeObject } from '../api/meta.ts';
import { isNotFound } from './apiError.ts';
import type { Client } from './client.ts';
import { keyOf, type Resource } from './resource.ts';

/**
 * `object` with `finalizer`: as it is when it has it already, else as stored after adding it.
 * @throws ApiError 409  when the object changed since `object` was read.
 */
export async function addFinalizer<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  object: T,
  finalizer: string,
): Promise<T> {
  const finalizers = object.metadata.finalizers ?? [];
  if (finalizers.includes(finalizer)) return object;
  return write(client, resource, object, [...finalizers, finalizer]);
}

/**
 * Takes `finalizer` away; undefined when the object is gone, also because of that.
 * @throws ApiError 409  when the object changed since `object` was read.
 */
export async function removeFinalizer<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  object: T,
  finalizer: string,
): Promise<T | undefined> {
  const finalizers = object.metadata.finalizers ?? [];
  if (!finalizers.includes(finalizer)) return object;
  const rest = finalizers.filter((one) => one !== finalizer);
  try {
    const stored = await write(client, resource, object, rest);
    const isGone = rest.length === 0 && stored.metadata.deletionTimestamp !== undefined;
    return isGone ? undefined : stored;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Others may add theirs at any time, so the list is only replaced if it is the one that was read. */
async function write<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  object: T,
  finalizers: string[],
): Promise<T> {
  const { resourceVersion } = object.metadata;
  return client.patch(resource, keyOf(object), { metadata: { resourceVersion, finalizers } });
}
