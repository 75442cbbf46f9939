import { join } from 'node:path';
import { openEmbeddedStorage } from '../../src/apiserver/storage/embedded.ts';
import {
  StorageError,
  type Storage,
  type StorageErrorCode,
  type WatchItem,
} from '../../src/apiserver/storage/storage.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { temporaryDirectory } from './storage.ts';

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
  readonly #failures = new Map<string, { left: number; code: StorageErrorCode }>();
  /** Takes the store away; to be called when nothing uses it any more. */
  readonly remove: () => Promise<void>;

  /** On an embedded store of its own. */
  static async create(): Promise<SteeredStorage> {
    const directory = await temporaryDirectory();
    const real = await openEmbeddedStorage(join(directory.path, 'store'), { log: silentLogger });
    return new SteeredStorage(real, () => directory.remove());
  }

  private constructor(real: Storage, remove: () => Promise<void>) {
    this.remove = remove;
    this.storage = new Proxy(real, {
      get: (target, name) => {
        if (name === 'watch') return this.#watch(target);
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          const call = `${String(name)} ${String(args[0])}`;
          const failure = this.#failureOf(call);
          if (failure !== undefined) return Promise.reject(new StorageError(failure, String(args[0])));
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
    this.#failures.set(`${method} ${key}`, { left: times, code });
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

  #failureOf(call: string): StorageErrorCode | undefined {
    const failure = this.#failures.get(call);
    if (failure === undefined || failure.left <= 0) return undefined;
    failure.left--;
    return failure.code;
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
