import type { KubeObject } from '../api/meta.ts';
import type { Logger } from '../lib/logger.ts';
import type { ObjectKey } from './resource.ts';
import { Reflector, type ReflectorOptions, type ReflectorSink } from './reflector.ts';
import { Store } from './store.ts';

/** Read access to the local copy of a resource. Objects are shared: never change one, clone it first. */
export interface Lister<T extends KubeObject> {
  get(key: ObjectKey): T | undefined;
  /** Everything, or one namespace. Order is not defined. */
  list(namespace?: string): T[];
  /** Objects for which index `name` yielded `value`. @throws TypeError when no such index was registered. */
  byIndex(name: string, value: string): T[];
}

/** Told of every change in order, and, on registration, of everything that is already there. Must not throw or block. */
export interface InformerHandler<T extends KubeObject> {
  /** @param initial  Part of the first list: not news, so enqueue with priority `resync`. */
  added?(object: T, initial: boolean): void;
  /** `previous` may be several versions older: states in between can have been skipped. */
  updated?(previous: T, object: T): void;
  /** The last state that was seen, which may be older than the last state that was. */
  deleted?(object: T): void;
}

/** A local copy of a resource that follows the API, with handlers. */
export interface Informer<T extends KubeObject> extends Lister<T> {
  /** True once the first list is complete and every handler was told of it. */
  hasSynced(): boolean;
  /** Resolves when synced; rejects when `signal` aborts. */
  waitForSync(signal?: AbortSignal): Promise<void>;
  /** Returns its removal. */
  addHandler(handler: InformerHandler<T>): () => void;
  /** Registers an index before start; `values` must be pure and fast. */
  addIndex(name: string, values: (object: T) => readonly string[]): void;
}

/** What makes an informer. */
export interface InformerOptions<T extends KubeObject> extends Omit<ReflectorOptions<T>, 'sink'> {
  /** Applied to every object before it is stored; default {@link withoutManagedFields}. */
  transform?: (object: T) => T;
}

/** `object` without its managedFields, which nobody reads and which double an object's size. */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  delete object.metadata.managedFields;
  return object;
}

/**
 * An {@link Informer} over a {@link Reflector}. Handlers run synchronously and in order; one that throws is logged and
 * the others still run.
 */
export class SharedInformer<T extends KubeObject> implements Informer<T>, ReflectorSink<T> {
  readonly #store = new Store<T>();
  readonly #handlers = new Set<InformerHandler<T>>();
  readonly #reflector: Reflector<T>;
  readonly #transform: (object: T) => T;
  readonly #log: Logger;
  #synced = false;
  #waiting: (() => void)[] = [];

  constructor(options: InformerOptions<T>) {
    this.#log = options.log;
    this.#transform = options.transform ?? withoutManagedFields;
    this.#reflector = new Reflector({ ...options, sink: this });
  }

  /** Follows the API until `signal` aborts. Call once. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#reflector.run(signal);
  }

  get(key: ObjectKey): T | undefined {
    return this.#store.get(key);
  }

  list(namespace?: string): T[] {
    return this.#store.list(namespace);
  }

  byIndex(name: string, value: string): T[] {
    return this.#store.byIndex(name, value);
  }

  addIndex(name: string, values: (object: T) => readonly string[]): void {
    this.#store.addIndex(name, values);
  }

  hasSynced(): boolean {
    return this.#synced;
  }

  async waitForSync(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#synced) return;
    await new Promise<void>((resolve, reject) => {
      const fail = (): void => {
        reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
      };
      signal?.addEventListener('abort', fail, { once: true });
      this.#waiting.push(() => {
        signal?.removeEventListener('abort', fail);
        resolve();
      });
    });
  }

  addHandler(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#store.list()) this.#call('added', () => handler.added?.(object, true));
    return () => void this.#handlers.delete(handler);
  }

  /** {@link ReflectorSink.replace}: tells the handlers what differs. */
  replace(items: readonly T[]): void {
    const kept = new Set<string | undefined>();
    const initial = !this.#synced;
    for (const item of items) {
      kept.add(item.metadata.uid);
      this.#put(this.#transform(item), initial);
    }
    for (const object of this.#store.list()) if (!kept.has(object.metadata.uid)) this.#remove(object);
    this.#synced = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** {@link ReflectorSink.apply}. */
  apply(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T): void {
    const own = this.#transform(object);
    if (type === 'DELETED') this.#remove(own);
    else this.#put(own, false);
  }

  #put(object: T, initial: boolean): void {
    const previous = this.#store.get(object.metadata);
    if (previous !== undefined && previous.metadata.uid !== object.metadata.uid) {
      // deleted and made again while nobody watched: two objects, not one that changed
      this.#remove(previous);
      this.#put(object, initial);
      return;
    }
    // events that come twice after a cut say nothing new
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion && previous !== undefined) return;
    this.#store.set(object);
    for (const handler of this.#handlers) {
      if (previous === undefined) this.#call('added', () => handler.added?.(object, initial));
      else this.#call('updated', () => handler.updated?.(previous, object));
    }
  }

  /** `last` is the newest state known of it. */
  #remove(last: T): void {
    if (this.#store.delete(last) === undefined) return;
    for (const handler of this.#handlers) this.#call('deleted', () => handler.deleted?.(last));
  }

  #call(what: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#log.error({ error, event: what }, 'an informer handler failed; this is a bug');
    }
  }
}
