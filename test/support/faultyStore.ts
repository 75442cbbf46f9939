import { StorageError, type Storage } from '../../src/apiserver/storage/storage.ts';

type Read = 'get' | 'list' | 'revision';

/** A call that waits until the test lets it go. */
export interface Held {
  /** Resolves once a call waits. */
  reached: Promise<void>;
  release(): void;
}

/**
 * A real store between which and its users things go wrong when a test wants it: single calls wait or fail, and the link
 * of watches breaks until their history is gone.
 */
export class FaultyStore {
  /** What the users see. */
  readonly storage: Storage;
  readonly #real: Storage;
  /** Run before (`true`) and after a call; each decides whether it is meant. */
  #holds: { name: Read; of: string; before: boolean; meet: () => Promise<void> }[] = [];
  readonly #links = new Set<AbortController>();
  #healed: Promise<void> = Promise.resolve();
  #heal: () => void = () => undefined;

  constructor(real: Storage) {
    this.#real = real;
    const call = (name: Read, args: unknown[]): Promise<unknown> => this.#call(name, args);
    this.storage = new Proxy(real, {
      get: (target, name) => {
        if (name === 'watch') return (...args: Parameters<Storage['watch']>) => this.#watch(...args);
        if (name === 'get' || name === 'list' || name === 'revision') return (...args: unknown[]) => call(name, args);
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
  }

  /** The next read of `name` (of the key or prefix `of`) is carried out, and its answer comes when the test says so. */
  hold(name: Read, of = ''): Held {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const reached = this.#once({ name, of, before: false }, () => released);
    return { reached, release };
  }

  /** The next `times` lists under `prefix` fail. */
  failLists(prefix: string, times: number): void {
    for (let i = 0; i < times; i++) {
      const fail = (): Promise<void> => Promise.reject(new StorageError('Unavailable', prefix));
      void this.#once({ name: 'list', of: prefix, before: true }, fail);
    }
  }

  /** Watches tell nothing any more; {@link loseHistory} ends that. */
  cut(): void {
    this.#healed = new Promise((resolve) => (this.#heal = resolve));
    for (const link of this.#links) link.abort();
  }

  /** The watches that were cut end: what they missed is gone. */
  loseHistory(): void {
    this.#heal();
  }

  #once(which: { name: Read; of: string; before: boolean }, meet: () => Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const hold = {
        ...which,
        meet: () => {
          this.#holds = this.#holds.filter((one) => one !== hold);
          resolve();
          return meet();
        },
      };
      this.#holds.push(hold);
    });
  }

  async #call(name: Read, args: unknown[]): Promise<unknown> {
    const [of] = args;
    const meet = (before: boolean): Promise<void> | undefined =>
      this.#holds
        .find((one) => one.before === before && one.name === name && (name === 'revision' || one.of === of))
        ?.meet();
    await meet(true);
    const method = this.#real[name].bind(this.#real) as (...all: unknown[]) => Promise<unknown>;
    const answer = await method(...args);
    await meet(false);
    return answer;
  }

  async *#watch(...[prefix, after, signal]: Parameters<Storage['watch']>): ReturnType<Storage['watch']> {
    const link = new AbortController();
    this.#links.add(link);
    yield* this.#real.watch(prefix, after, AbortSignal.any([signal, link.signal]));
    this.#links.delete(link);
    if (signal.aborted) return;
    await this.#healed;
    throw new StorageError('Compacted', prefix);
  }
}
