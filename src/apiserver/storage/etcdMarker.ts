import type { Etcd3 } from 'etcd3';
import { z } from 'zod';
import type { EtcdClient } from './etcdClient.ts';
import { EtcdSpace } from './etcdSpace.ts';
import { compareAndSwap, readInstead } from './etcdWrites.ts';
import { endOfPrefix } from './limits.ts';
import { OBJECTS } from './snapshot.ts';
import { StorageError } from './storage.ts';

/** Beside the objects, so that no list or watch of them shows it. */
const MARKER = '/hostler/store';

/** What stands in etcd about the store itself. */
const Marker = z.object({
  format: z.literal(1),
  /** See {@link EtcdSpace}. */
  offset: z.number().int().nonnegative(),
  /** A restore is under way, or was cut off. */
  isRestoring: z.boolean(),
});
type Marker = z.infer<typeof Marker>;

/**
 * The space of the store behind `prefix`, whose marker is made when this is its first use.
 * @throws StorageError Unavailable; Corrupt when the store cannot be used as it is.
 */
export async function openSpace(client: EtcdClient, prefix: string): Promise<EtcdSpace> {
  const marker = await makeMarker(client, prefix, { format: 1, offset: 0, isRestoring: false });
  return toSpace(marker, prefix);
}

/** The same, but undefined where nobody used it before. Writes nothing. */
export async function findSpace(client: EtcdClient, prefix: string): Promise<EtcdSpace | undefined> {
  const key = new EtcdSpace(prefix, 0).key(MARKER);
  const stored = await client.call(MARKER, (etcd) => read(etcd, key));
  return stored && toSpace(parse(stored.value, prefix), prefix);
}

function toSpace(marker: Marker, prefix: string): EtcdSpace {
  if (!marker.isRestoring) return new EtcdSpace(prefix, marker.offset);
  throw new StorageError('Corrupt', MARKER, {
    message: `a restore into etcd${under(prefix)} is under way or was cut off: wait for its end, or delete all keys that start with ${prefix}${OBJECTS} and the key ${prefix}${MARKER}, and restore again`,
  });
}

/**
 * Claims the place behind `prefix` for a restore: servers refuse it until {@link endRestore}. Undefined when something is
 * there already. The revisions of the space begin after `revision`.
 */
export async function beginRestore(
  client: EtcdClient,
  prefix: string,
  revision: number,
): Promise<EtcdSpace | undefined> {
  const plain = new EtcdSpace(prefix, 0);
  const objects = plain.key(OBJECTS);
  const found = await client.call(MARKER, (etcd) =>
    etcd.kv.range({ key: objects, range_end: endOfPrefix(objects) ?? Buffer.from([0]), count_only: true }),
  );
  if (found.count !== '0') return undefined;
  // etcd's own counter may be ahead already
  const offset = Math.max(0, revision - Number(found.header.revision));
  const key = plain.key(MARKER);
  const value = encode({ format: 1, offset, isRestoring: true });
  const claimed = await client.call(MARKER, async (etcd, attempt) => {
    const answer = await compareAndSwap(etcd, { key, revision: 0, put: { value } });
    return answer.succeeded || (attempt > 0 && readInstead(answer)?.value.equals(value) === true);
  });
  return claimed ? new EtcdSpace(prefix, offset) : undefined;
}

/** Lets servers in. */
export async function endRestore(client: EtcdClient, prefix: string): Promise<void> {
  const key = new EtcdSpace(prefix, 0).key(MARKER);
  await client.call(MARKER, async (etcd) => {
    const stored = await read(etcd, key);
    if (stored === undefined) throw new StorageError('KeyNotFound', MARKER);
    const marker = { ...parse(stored.value, prefix), isRestoring: false };
    const answer = await compareAndSwap(etcd, { key, revision: stored.mod_revision, put: { value: encode(marker) } });
    if (!answer.succeeded) throw new StorageError('Conflict', MARKER);
  });
}

/** Makes the marker, or reads the one that is there. */
async function makeMarker(client: EtcdClient, prefix: string, first: Marker): Promise<Marker> {
  const key = new EtcdSpace(prefix, 0).key(MARKER);
  return client.call(MARKER, async (etcd) => {
    const stored = await read(etcd, key);
    if (stored !== undefined) return parse(stored.value, prefix);
    const answer = await compareAndSwap(etcd, { key, revision: 0, put: { value: encode(first) } });
    const other = readInstead(answer);
    return other === undefined ? first : parse(other.value, prefix);
  });
}

async function read(etcd: Etcd3, key: Buffer): Promise<{ value: Buffer; mod_revision: string } | undefined> {
  return (await etcd.kv.range({ key })).kvs[0];
}

function encode(marker: Marker): Buffer {
  return Buffer.from(JSON.stringify(marker));
}

function parse(value: Buffer, prefix: string): Marker {
  const parsed = Marker.safeParse(JSON.parse(value.toString()));
  if (parsed.success) return parsed.data;
  throw new StorageError('Corrupt', MARKER, {
    message: `the store in etcd${under(prefix)} has a format that this version cannot read: use a newer version`,
  });
}

function under(prefix: string): string {
  return prefix === '' ? '' : ` under ${prefix}`;
}
