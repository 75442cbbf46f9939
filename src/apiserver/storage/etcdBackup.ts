import { systemClock } from '../../lib/clock.ts';
import { silentLogger, type Logger } from '../../lib/logger.ts';
import { EtcdStorage, type EtcdOptions } from './etcd.ts';
import { EtcdClient } from './etcdClient.ts';
import { beginRestore, endRestore, findSpace } from './etcdMarker.ts';
import type { EtcdSpace } from './etcdSpace.ts';
import { endOfPrefix } from './limits.ts';
import { OBJECTS, StoreNotEmptyError, type Restoration, type Snapshot, type SnapshotEntry } from './snapshot.ts';

const PAGE = 500;

/** The store in etcd at its revision of now, also while servers use it. @throws StorageError */
export async function snapshotEtcd(options: EtcdOptions & { log?: Logger }): Promise<Snapshot> {
  const client = new EtcdClient(options, options.log ?? silentLogger);
  try {
    const space = await findSpace(client, options.prefix ?? '');
    if (space === undefined) {
      throw new Error(`There is no store in etcd under the prefix "${options.prefix ?? ''}": check --etcd-prefix.`);
    }
    const range = rangeOf(space);
    const now = await client.call(OBJECTS, (etcd) => etcd.kv.range({ ...range, count_only: true }));
    return {
      kind: 'etcd',
      revision: space.revision(now.header.revision),
      entries: entriesOf(client, space, now.header.revision),
      close: () => client.close(),
    };
  } catch (error) {
    await client.close();
    throw error;
  }
}

/**
 * Begins a store in etcd whose revisions begin after `revision`. Servers refuse it until its end.
 * @throws StoreNotEmptyError, StorageError
 */
export async function restoreEtcd(options: EtcdOptions, revision: number): Promise<Restoration> {
  const client = new EtcdClient(options, options.log ?? silentLogger);
  const prefix = options.prefix ?? '';
  try {
    const space = await beginRestore(client, prefix, revision);
    if (space === undefined) {
      const remedy = 'choose another --etcd-prefix or cluster';
      throw new StoreNotEmptyError(`in etcd under the prefix "${prefix}"`, remedy);
    }
    const storage = new EtcdStorage(client, space, options);
    return {
      storage,
      finish: async () => {
        await endRestore(client, prefix);
        await storage.close();
      },
      // what was written stays, behind the mark that says so: deleting in somebody's etcd is not for us
      abandon: () => storage.close(),
    };
  } catch (error) {
    await client.close();
    throw error;
  }
}

function rangeOf(space: EtcdSpace): { key: Buffer; range_end: Buffer } {
  const key = space.key(OBJECTS);
  return { key, range_end: endOfPrefix(key) ?? Buffer.from([0]) };
}

async function* entriesOf(client: EtcdClient, space: EtcdSpace, revision: string): AsyncGenerator<SnapshotEntry> {
  const range = rangeOf(space);
  const expiry = new Map<string, number>();
  for (let more = true; more;) {
    const page = await client.call(OBJECTS, (etcd) => etcd.kv.range({ ...range, revision, limit: PAGE }));
    for (const stored of page.kvs) {
      const entry = space.entry(stored);
      if (space.isOwn(entry.key)) continue;
      const expiresAt = stored.lease === '0' ? undefined : await expiryOf(client, stored.lease, expiry);
      yield { ...entry, expiresAt };
    }
    const last = page.kvs.at(-1);
    more = page.more && last !== undefined;
    if (last !== undefined) range.key = Buffer.concat([last.key, Buffer.from([0])]);
  }
}

/** When a lease ends; keys share leases, so each is asked for once. */
async function expiryOf(client: EtcdClient, lease: string, known: Map<string, number>): Promise<number> {
  const found = known.get(lease);
  if (found !== undefined) return found;
  const { TTL } = await client.call(OBJECTS, (etcd) => etcd.leaseClient.leaseTimeToLive({ ID: lease }));
  const at = systemClock.now() + Math.max(0, Number(TTL)) * 1000;
  known.set(lease, at);
  return at;
}
