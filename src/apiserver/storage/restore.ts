import { systemClock } from '../../lib/clock.ts';
import { readBackup } from './backupFile.ts';
import type { Restoration, SnapshotEntry } from './snapshot.ts';
import { StorageError } from './storage.ts';

const LEASES = '/registry/coordination.k8s.io/leases/';
/**
 * Added to the transitions of every Lease. Hosts remember the highest they saw and refuse lower ones: the restored
 * control plane must stand above everything that the old one did after the backup.
 */
const TRANSITIONS = 1_000_000;
/** Writes at a time: they share the store's transactions. */
const WRITERS = 64;

/**
 * Writes the backup at `path`, which was read through once, into the begun `restoration`. Returns how many entries; what
 * has expired meanwhile is left out.
 */
export async function restoreEntries(path: string, { storage }: Restoration): Promise<number> {
  const running = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  let count = 0;
  await readBackup(path, async (entry) => {
    const ttlSeconds = secondsLeft(entry);
    if (ttlSeconds !== undefined && ttlSeconds <= 0) return;
    count++;
    const writing = storage
      .create(entry.key, valueOf(entry), ttlSeconds === undefined ? {} : { ttlSeconds })
      .then(() => undefined)
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => running.delete(writing));
    running.add(writing);
    if (running.size >= WRITERS) await Promise.race(running);
    if (failure !== undefined) throw failure.error;
  });
  await Promise.all(running);
  if (failure !== undefined) throw failure.error;
  return count;
}

function secondsLeft({ expiresAt }: SnapshotEntry): number | undefined {
  return expiresAt === undefined ? undefined : Math.ceil((expiresAt - systemClock.now()) / 1000);
}

function valueOf({ key, value }: SnapshotEntry): Buffer {
  if (!key.startsWith(LEASES)) return value;
  const lease = parseLease(key, value);
  const transitions = lease.spec?.leaseTransitions ?? 0;
  return Buffer.from(
    JSON.stringify({ ...lease, spec: { ...lease.spec, leaseTransitions: transitions + TRANSITIONS } }),
  );
}

function parseLease(key: string, value: Buffer): { spec?: { leaseTransitions?: number } } {
  try {
    return JSON.parse(value.toString()) as { spec?: { leaseTransitions?: number } };
  } catch (cause) {
    throw new StorageError('Corrupt', key, { cause, message: `the Lease ${key} in the backup is not JSON` });
  }
}
