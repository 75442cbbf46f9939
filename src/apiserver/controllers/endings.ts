import { monotonicClock } from '../../lib/clock.ts';
import type { CachedObject } from '../cache/cachedObject.ts';
import type { Creation, Creations } from '../registry/creations.ts';

const POLL_MS = 200;

interface Ending {
  uid: string;
  since: number;
  creationsEnded: () => boolean;
}

/**
 * From when on nothing more comes into what is being deleted. Creations are refused from the moment that the cache of
 * this server shows the deletion; those that were let in before may reach the store later. Those of this server are
 * waited for; other servers over the same store are given time to see the deletion, as kube-apiserver gives it.
 */
export class Endings {
  readonly #creations: Creations;
  readonly #othersLagMs: number;
  readonly #endings = new Map<string, Ending>();

  /** @param options.othersLagMs  0: there are no other servers. */
  constructor(options: { creations: Creations; othersLagMs: number }) {
    this.#creations = options.creations;
    this.#othersLagMs = options.othersLagMs;
  }

  /**
   * Milliseconds until a look at what is left in `object`, which the cache shows as being deleted, can be the last one;
   * 0: one that begins now. To be asked before each look.
   */
  waitFor(object: CachedObject, isInside: (creation: Creation) => boolean): number {
    const ending = this.#endingOf(object, isInside);
    if (!ending.creationsEnded()) return POLL_MS;
    return Math.max(0, ending.since + this.#othersLagMs - monotonicClock.now());
  }

  /** The object is gone. */
  forget(key: string): void {
    this.#endings.delete(key);
  }

  #endingOf({ key, uid }: CachedObject, isInside: (creation: Creation) => boolean): Ending {
    const known = this.#endings.get(key);
    if (known?.uid === uid) return known;
    const ending = { uid, since: monotonicClock.now(), creationsEnded: this.#creations.untilNow(isInside) };
    this.#endings.set(key, ending);
    return ending;
  }
}
