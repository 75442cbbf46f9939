/** Shape of an exponential backoff; all times in milliseconds. */
export interface Backoff {
  baseMs: number;
  factor: number;
  capMs: number;
  /** 0…1: the share of the delay that is random, so that many servers do not come back at once. */
  jitter: number;
}

/**
 * Delay before try number `attempt` (0 = first retry).
 * @param random  A number in [0, 1); injected so that tests are exact.
 */
export function backoffMs(backoff: Backoff, attempt: number, random: () => number = Math.random): number {
  const full = Math.min(backoff.capMs, backoff.baseMs * backoff.factor ** Math.min(attempt, 64));
  return Math.round(full * (1 - backoff.jitter * random()));
}

/** `ms` spread by ± `share`, for periodic work. */
export function jittered(ms: number, share: number, random: () => number = Math.random): number {
  return Math.round(ms * (1 + share * (2 * random() - 1)));
}
