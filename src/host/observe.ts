import type { EffectiveServer } from '../api/effective.ts';
import type { Clock } from '../lib/clock.ts';
import type { Session } from '../ssh/session.ts';
import type { HostFacts } from './facts.ts';
import type { AnyTask } from './task.ts';

/** What was seen in one round trip. */
export interface Observation {
  facts: HostFacts;
  /** What each managed task found, by task name. A task that could not look is not in here but in `failed`. */
  have: ReadonlyMap<string, unknown>;
  /** Managed tasks whose fragment did not come to its end, with why. */
  failed: ReadonlyMap<string, string>;
  /** Milliseconds since the epoch, by the clock given. */
  at: number;
  /** When the slow facts in here were gathered. */
  slowAt: number;
  /** Of the package state that the slow facts belong to. */
  signature: string;
  /** Results of the slow fragments, to be carried over. Opaque. */
  slow: ReadonlyMap<string, unknown>;
}

/** See {@link observe}. */
export interface ObserveOptions {
  effective: EffectiveServer;
  tasks: readonly AnyTask[];
  /** The last observation of the same host, or none; its slow facts are carried over while they hold. */
  previous?: Observation | undefined;
  /** Runs the slow fragments whatever the signature says. They also run when `previous` is missing or its slow facts are 6 hours old. */
  forceSlow?: boolean;
  clock: Clock;
  signal?: AbortSignal;
}

/**
 * Looks at the whole host in one round trip: one script, framed records, parsed as hostile input.
 * Reads only. Works without root: what may not be read is absent from the result.
 * @throws TransientError ObservationFailed  when the answer is incomplete or not in the expected form.
 * @throws whatever Session.run throws.
 */
export declare function observe(session: Session, options: ObserveOptions): Promise<Observation>;
