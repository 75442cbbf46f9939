import type { CachedObject } from '../cache/cachedObject.ts';
import { ApiError } from '../http/status.ts';
import type { Call, RegistryDeps } from './call.ts';
import { deleteObject } from './delete.ts';
import type { DeleteOptions } from './deleteOptions.ts';
import type { ListResult } from './list.ts';

/** Deletions under way at once. */
const WIDTH = 16;

/** Deletes every object of `list`, as it was listed; what is gone or replaced in the meantime is passed over. */
export async function deleteListed(
  deps: RegistryDeps,
  call: Call,
  list: ListResult,
  options: DeleteOptions,
): Promise<void> {
  const queue = [...list.items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      await deleteOne(deps, call, item, options);
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
}

async function deleteOne(deps: RegistryDeps, call: Call, item: CachedObject, options: DeleteOptions): Promise<void> {
  try {
    const one = { ...call, name: item.name, namespace: item.namespace };
    await deleteObject(deps, one, { ...options, uid: options.uid ?? item.uid });
  } catch (error) {
    if (error instanceof ApiError && (error.code === 404 || error.code === 409)) return;
    throw error;
  }
}
