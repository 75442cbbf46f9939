import {
  StorageError,
  type Storage,
  type StorageErrorCode,
  type WatchItem,
} from '../../src/apiserver/storage/storage.ts';

/** The calls that name a key or a prefix first. */
type Method = 'create' | 'update' | 'delete' | 'get' | 'list';

/** Calls that wait. */
export interface Held {
  /** Resolves when one is waiting. */
  reached: Promise<void>;
  /** Lets it go on, and all after it. */
  release(): void;
}

interface Gate extends Held {
  open: Promise<void>;
  reach(): void;
}

/** A store whose calls a test holds open before they are made, or lets fail. */
export class SteeredStorage {
  readonly storage: Storage;
  readonly #gates = new Map<string, Gate>();
  readonly #failures = new Map<string, number>();
  #code: StorageErrorCode = 'Unavailable';

  constructor(real: Storage) {
    this.storage = new Proxy(real, {
      get: (target, name) => {
        if (name === 'watch') return this.#watch(target);
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          const call = `${String(name)} ${String(args[0])}`;
          if (this.#fails(call)) return Promise.reject(new StorageError(this.#code, String(args[0])));
          const run = (): unknown => Reflect.apply(member, target, args);
          return this.#gates.has(call) ? this.#pass(call).then(run) : run();
        };
      },
    });
  }

  /** Holds calls of `method` with exactly this key or prefix. */
  hold(method: Method, key: string): Held {
    return this.#hold(`${method} ${key}`);
  }

  /** Holds what watches tell, from the next event of `key` on. */
  holdEvent(key: string): Held {
    return this.#hold(`event ${key}`);
  }

  /** Lets the next `times` calls fail, as if the store were away or, with `Corrupt`, held what cannot be read. */
  fail(method: Method, key: string, times: number, code: StorageErrorCode = 'Unavailable'): void {
    this.#failures.set(`${method} ${key}`, times);
    this.#code = code;
  }

  #hold(call: string): Held {
    let [reach, release] = [(): void => undefined, (): void => undefined];
    const reached = new Promise<void>((resolve) => (reach = resolve));
    const open = new Promise<void>((resolve) => (release = resolve));
    const gate: Gate = {
      reached,
      open,
      reach,
      release: () => {
        if (this.#gates.get(call) === gate) this.#gates.delete(call);
        release();
      },
    };
    this.#gates.set(call, gate);
    return gate;
  }

  async #pass(call: string): Promise<void> {
    const gate = this.#gates.get(call);
    gate?.reach();
    await gate?.open;
  }

  #fails(call: string): boolean {
    const left = this.#failures.get(call) ?? 0;
    if (left > 0) this.#failures.set(call, left - 1);
    return left > 0;
  }

  #watch(real: Storage): Storage['watch'] {
    const pass = async (item: WatchItem): Promise<void> => {
      if (item.kind === 'event') await this.#pass(`event ${item.event.key}`);
    };
    return async function* (...args) {
      for await (const item of real.watch(...args)) {
        await pass(item);
        yield item;
      }
    };
  }
}
