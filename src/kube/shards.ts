import { createHash } from 'node:crypto';
import type { KubeObject } from '../api/meta.ts';

/** Number of virtual shards. Part of the data format: never changes. */
export const SHARD_COUNT = 64;

/** Names one period of holding a shard: a later holder has a higher `transitions` on the same Lease. */
export interface ShardToken {
  /** UID of the shard's Lease. */
  leaseUid: string;
  /** `spec.leaseTransitions` of the shard's Lease; grows with every change of holder and every restart of one. */
  transitions: number;
}

/** Which shards this process holds. */
export interface Shards {
  /** Whether this process may act for objects of `shard` (0…63) right now, by its own clock. */
  holds(shard: number): boolean;
  /**
   * Whether this process still holds the shard of the object with this UID, by the shard's Lease read from the API now.
   * For acts that a stale belief must not lead to.
   */
  confirm(uid: string): Promise<boolean>;
  /**
   * The token to write into the owner file of the host of Server `serverUid`.
   * @throws WaitingError ShardNotHeld  when another process holds the shard, or nobody knows.
   */
  token(serverUid: string): ShardToken;
  /**
   * Called with each shard gained or lost, at once. A lost shard's runs must end; when it is handed over in good order,
   * the new holder waits for the returned promise (15 s at most). Returns its removal.
   */
  onChange(listener: ShardListener): () => void;
}

export type ShardListener = (shard: number, held: boolean) => void | Promise<void>;

/** The shard (0…63) of the object with this UID. Part of the data format: never changes. */
export function shardOf(uid: string): number {
  return createHash('sha256').update(uid).digest().readUInt32BE(0) % SHARD_COUNT;
}

/** Index that a sharded controller looks its objects up by: with thousands of them, each shard gained would hash them all. */
export const SHARD_INDEX = 'shard';

/** Values of {@link SHARD_INDEX}. */
export function shardIndex({ metadata }: KubeObject): string[] {
  return metadata.uid === undefined ? [] : [String(shardOf(metadata.uid))];
}
