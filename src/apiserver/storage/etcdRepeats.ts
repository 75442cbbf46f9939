import type { Etcd3, IKeyValue } from 'etcd3';
import { toStorageError } from './etcdErrors.ts';
import { StorageError } from './storage.ts';

/** More writes by others between two tries of one call than anybody will see. */
const MAX_STEPS = 100;

/** A write that was repeated, as its first try may have been carried out. */
interface Repeated {
  key: string;
  /** The key in etcd. */
  id: Buffer;
  value: Buffer;
  /** What stands there now. */
  current: IKeyValue;
}

/**
 * The write of `value` among those after the revision `after` (etcd's), or undefined if it was never carried out: what
 * stands there now need not be it, others may have written since.
 * @throws StorageError Unavailable when that cannot be told any more.
 */
export async function findUpdate(etcd: Etcd3, write: Repeated, after: number): Promise<IKeyValue | undefined> {
  let at: IKeyValue | undefined = write.current;
  for (let step = 0; step < MAX_STEPS; step++) {
    if (at === undefined || Number(at.mod_revision) <= after) return undefined;
    if (at.value.equals(write.value)) return at;
    at = await readAt(etcd, write, Number(at.mod_revision) - 1);
  }
  throw notKnown(write.key);
}

/** The write of `value` that made the key, as {@link findUpdate}. */
export async function findCreation(etcd: Etcd3, write: Repeated): Promise<IKeyValue | undefined> {
  const { current } = write;
  const isFirst = current.create_revision === current.mod_revision;
  const made = isFirst ? current : await readAt(etcd, write, Number(current.create_revision));
  return made?.value.equals(write.value) === true ? made : undefined;
}

async function readAt(etcd: Etcd3, { key, id }: Repeated, revision: number): Promise<IKeyValue | undefined> {
  try {
    return (await etcd.kv.range({ key: id, revision })).kvs[0];
  } catch (error) {
    if (toStorageError(error, key).code === 'Compacted') throw notKnown(key);
    throw error;
  }
}

function notKnown(key: string): StorageError {
  const message =
    'etcd did not answer in time, and others have written since; whether the change was made is not known';
  return new StorageError('Unavailable', key, { message });
}
