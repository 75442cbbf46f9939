import { tooManyRequests } from './status.ts';

/** Most requests that run at once, watches not counted; kube-apiserver's defaults. */
const MAX_READS = 400;
const MAX_WRITES = 200;
/** How much of that one user may have: what the others, the controllers among them, find free at the worst. */
const SHARE = 0.75;

/** Running requests of one kind, by user. */
class Places {
  readonly #limit: number;
  readonly #byUser = new Map<string, number>();
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  isFullFor(user: string): boolean {
    return this.#taken >= this.#limit || this.#of(user) >= Math.ceil(this.#limit * SHARE);
  }

  add(user: string, by: 1 | -1): void {
    this.#taken += by;
    const own = this.#of(user) + by;
    if (own === 0) this.#byUser.delete(user);
    else this.#byUser.set(user, own);
  }

  #of(user: string): number {
    return this.#byUser.get(user) ?? 0;
  }
}

/** Counts running requests and refuses what is over the limit, or over one user's share of it. */
export class InFlight {
  readonly #reads: Places;
  readonly #writes: Places;
  #idle: (() => void)[] = [];

  constructor(limits: { reads: number; writes: number } = { reads: MAX_READS, writes: MAX_WRITES }) {
    this.#reads = new Places(limits.reads);
    this.#writes = new Places(limits.writes);
  }

  /** Running requests now. */
  get counts(): { reads: number; writes: number } {
    return { reads: this.#reads.taken, writes: this.#writes.taken };
  }

  /**
   * Takes a place for `user`; the returned function gives it back.
   * @param isExempt  Let in when all are taken, too.
   * @throws ApiError 429 with Retry-After when all are taken, or all that one user may have.
   */
  enter(mutating: boolean, user: string, isExempt = false): () => void {
    const places = mutating ? this.#writes : this.#reads;
    if (places.isFullFor(user) && !isExempt) throw tooManyRequests('Too many requests, please try again later.');
    places.add(user, 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      places.add(user, -1);
      this.#wakeWhenIdle();
    };
  }

  /** Resolves when nothing runs. */
  async drained(): Promise<void> {
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  get #running(): number {
    return this.#reads.taken + this.#writes.taken;
  }

  #wakeWhenIdle(): void {
    if (this.#running > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
