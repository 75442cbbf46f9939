import type { KubeObject } from '../api/meta.ts';
import type { ObjectKey } from './resource.ts';

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
