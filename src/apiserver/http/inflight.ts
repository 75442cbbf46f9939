import { tooManyRequests } from './status.ts';

/** Most requests that run at once, watches not counted; kube-apiserver's defaults. */
const MAX_READS = 400;
const MAX_WRITES = 200;

/** Counts running requests and refuses what is over the limit. */
export class InFlight {
  readonly #limits: { reads: number; writes: number };
  #reads = 0;
  #writes = 0;
  #idle: (() => void)[] = [];

  constructor(limits: { reads: number; writes: number } = { reads: MAX_READS, writes: MAX_WRITES }) {
    this.#limits = limits;
  }

  /** Running requests now. */
  get counts(): { reads: number; writes: number } {
    return { reads: this.#reads, writes: this.#writes };
  }

  /**
   * Takes a place; the returned function gives it back.
   * @param isExempt  Let in when all are taken, too.
   * @throws ApiError 429 with Retry-After when all are taken.
   */
  enter(mutating: boolean, isExempt = false): () => void {
    const full = mutating ? this.#writes >= this.#limits.writes : this.#reads >= this.#limits.reads;
    if (full && !isExempt) throw tooManyRequests('Too many requests, please try again later.');
    this.#add(mutating, 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#add(mutating, -1);
    };
  }

  /** Resolves when nothing runs. */
  async drained(): Promise<void> {
    if (this.#reads + this.#writes === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #add(mutating: boolean, by: number): void {
    if (mutating) this.#writes += by;
    else this.#reads += by;
    if (this.#reads + this.#writes > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
