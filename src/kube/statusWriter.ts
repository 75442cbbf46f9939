import type { KubeObject } from '../api/meta.ts';

/** An object with a status subresource. */
export interface WithStatus extends KubeObject {
  status?: unknown;
}

/**
 * Writes the status of one kind, as a merge patch of what changed. Assumes that this process alone writes it.
 */
export interface StatusWriter<T extends WithStatus> {
  /**
   * `object`, or what the last acknowledged write returned if that is newer: a run must start from this, since the
   * informer may not have seen our own last write yet.
   */
  latest(object: T): T;
  /**
   * Makes the stored status equal `status` and resolves once the API acknowledged it (so it serves as write-ahead);
   * sends nothing when `latest(object)` has it already. Returns the object as stored.
   * @param options.precondition  `uid` (default): fails with 409 when the object was deleted and made again;
   *   `resourceVersion`: fails with 409 when anything changed since `latest(object)`.
   * @throws ApiError, ApiConnectionError; 409 and 404 mean: the object is not what you think, run again.
   */
  write(object: T, status: NonNullable<T['status']>, options?: StatusWriteOptions): Promise<T>;
}

/** Options of {@link StatusWriter.write}. */
export interface StatusWriteOptions {
  precondition?: 'uid' | 'resourceVersion';
  signal?: AbortSignal;
}
