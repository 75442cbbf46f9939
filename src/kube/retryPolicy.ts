import type { Backoff } from '../lib/backoff.ts';
import { findCause, ReconcileError } from '../lib/errors.ts';
import { ApiConnectionError, ApiError, isConflict } from './apiError.ts';

/** What the queue does with a key whose run threw, and how loudly. */
export type Verdict =
  /** Our write met somebody else's: run again on the newer object; nobody needs to know. */
  | { kind: 'conflict' }
  /** Not a failure: something else has to happen first. */
  | { kind: 'after'; ms: number }
  | { kind: 'backoff'; isBug: boolean }
  /** Only a change of the object, or of what it refers to, helps; that change enqueues the key. */
  | { kind: 'never' };

/** Conflicts go away as soon as the informer has caught up. */
export const conflictBackoff: Backoff = { baseMs: 20, factor: 2, capMs: 5000, jitter: 0.5 };
/** Failures that may go away by themselves. */
export const failureBackoff: Backoff = { baseMs: 1000, factor: 2, capMs: 300_000, jitter: 0.3 };

/** The one place that decides about retries. */
export function judge(error: unknown): Verdict {
  if (isConflict(error)) return { kind: 'conflict' };
  const retry = findCause(error, ReconcileError)?.retry;
  switch (retry?.kind) {
    case 'never':
      return { kind: 'never' };
    case 'after':
      return { kind: 'after', ms: retry.ms };
    case 'backoff':
      return { kind: 'backoff', isBug: false };
    case undefined:
      return judgeApi(error);
  }
}

function judgeApi(error: unknown): Verdict {
  if (findCause(error, ApiConnectionError) !== undefined) return { kind: 'backoff', isBug: false };
  const answer = findCause(error, ApiError);
  if (answer?.retryAfterMs !== undefined) return { kind: 'after', ms: answer.retryAfterMs };
  // the object, or one it needs, has gone meanwhile: the next run sees it; a server's own failure is not ours either
  if (answer !== undefined && (answer.code === 404 || answer.code >= 500)) return { kind: 'backoff', isBug: false };
  return { kind: 'backoff', isBug: true };
}
