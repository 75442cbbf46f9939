import type { Logger } from '../lib/logger.ts';

/** Which object to reconcile. Deliberately nothing about the event that caused it: reconciling is level-based. */
export interface Request {
  /** `''` for cluster-scoped objects. */
  namespace: string;
  name: string;
}

/** What a successful run asks for. */
export interface Result {
  /** Run again after this many milliseconds, unless something asks sooner; absent = only when something changes. */
  requeueAfterMs?: number;
}

/**
 * Brings the world to what one object declares.
 *
 * Called with one key at a time: never two runs of the same key at once, any number of different ones. A returned
 * Result means success and clears the key's failure count. A thrown error is read in one place (kube/retryPolicy.ts):
 * ReconcileError by its `retry`; 409 Conflict of an own write: again, silently; other API failures: backoff; anything
 * else is a bug: logged in full, backoff.
 */
export interface Reconciler {
  /**
   * @param signal  Aborts at the run's deadline and when the process stops; pass it on to every remote call.
   * @param log     Carries controller, namespace, name and reconcileId.
   */
  reconcile(request: Request, signal: AbortSignal, log: Logger): Promise<Result>;
}
