import type { Logger } from '../../lib/logger.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Storage } from './storage.ts';

/** How {@link openEmbeddedStorage} behaves; every field has a default that suits a server. */
export interface EmbeddedOptions {
  log?: Logger;
  clock?: Clock;
  /** History is kept at least this long and at most twice as long; default 300 000 (5 minutes). 0 = never compact by time. */
  historyMs?: number;
  /** Most events kept in history, however young; default 500 000. */
  maxHistoryEvents?: number;
  /** Most bytes of superseded values kept in history, however young; default 512 MiB. */
  maxHistoryBytes?: number;
}

/** The directory belongs to another running process. */
export class StoreInUseError extends Error {}

/**
 * Opens (or makes) the store in `directory`, for this process alone.
 * @throws StoreInUseError when another process, or this one, has it open.
 */
export async function openEmbeddedStorage(directory: string, options: EmbeddedOptions = {}): Promise<Storage> {
  return Promise.reject(new Error(`not implemented: ${directory} ${options.historyMs ?? 0}`));
}
