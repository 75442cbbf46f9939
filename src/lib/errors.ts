import type { Reason } from '../api/reasons.ts';

/** What the workqueue does with a failed key. The queue reads it in one place (kube/controller.ts). */
export type Retry = { kind: 'backoff' } | { kind: 'after'; ms: number } | { kind: 'never' };

/** Options of every {@link ReconcileError}. */
export interface ReconcileErrorOptions {
  cause?: unknown;
  /** One sentence that tells the operator the next step; becomes the end of the condition's message. */
  remedy?: string;
}

/**
 * A failure that ends in a condition: `reason` and `message` are shown to users, so neither may hold a secret.
 * Invariant: `retry` alone decides what the queue does next.
 */
export abstract class ReconcileError extends Error {
  abstract readonly retry: Retry;
  readonly reason: Reason;
  readonly remedy: string | undefined;

  constructor(reason: Reason, message: string, options: ReconcileErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.reason = reason;
    this.remedy = options.remedy;
  }

  /** The message with the remedy behind it, as conditions and events show it. */
  get advice(): string {
    return this.remedy === undefined ? this.message : `${this.message} ${this.remedy}`;
  }
}

/** Goes away by itself (timeout, refused, lost link): retried with backoff, jitter and a cap. */
export class TransientError extends ReconcileError {
  readonly retry: Retry = { kind: 'backoff' };
}

/** Only a changed spec or Secret helps: not retried until the object changes; observation goes on. */
export class TerminalError extends ReconcileError {
  readonly retry: Retry = { kind: 'never' };
}

/** Not a failure: something else has to happen first; looked at again after `afterMs` milliseconds. */
export class WaitingError extends ReconcileError {
  readonly retry: Retry;

  constructor(reason: Reason, message: string, options: ReconcileErrorOptions & { afterMs: number }) {
    super(reason, message, options);
    this.retry = { kind: 'after', ms: options.afterMs };
  }
}

/** First error of `type` in the `cause` chain of `error`, so that wrapping never changes retry behaviour. */
export function findCause<T extends Error>(error: unknown, type: abstract new (...args: never[]) => T): T | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < 20; current = current.cause, depth++) {
    if (current instanceof type) return current;
  }
  return undefined;
}

/** `error` as one line for a person: its message, or its text when it is no Error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
