import type { KubeObject } from '../api/meta.ts';
import { keyOf, keyText, type ObjectKey } from './resource.ts';

type Index<T> = Map<string, Set<T>>;

/** Objects by key, with namespace and custom indexes. What an informer's lister reads. */
export class Store<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, { values: (object: T) => readonly string[]; index: Index<T> }>();

  constructor() {
    this.addIndex(NAMESPACE, (object) => [object.metadata.namespace ?? '']);
  }

  /** Number of objects. */
  get size(): number {
    return this.#objects.size;
  }

  /** Adds an index, also over what is already stored. */
  addIndex(name: string, values: (object: T) => readonly string[]): void {
    if (this.#indexes.has(name)) throw new TypeError(`index "${name}" exists already`);
    this.#indexes.set(name, { values, index: new Map() });
    for (const object of this.#objects.values()) this.#link(name, object);
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(keyText(key));
  }

  list(namespace?: string): T[] {
    return namespace === undefined ? [...this.#objects.values()] : this.byIndex(NAMESPACE, namespace);
  }

  byIndex(name: string, value: string): T[] {
    const found = this.#indexes.get(name);
    if (found === undefined) throw new TypeError(`there is no index "${name}"`);
    return [...(found.index.get(value) ?? [])];
  }

  /** Stores `object`; returns what it replaced. */
  set(object: T): T | undefined {
    const key = keyText(keyOf(object));
    const previous = this.#objects.get(key);
    if (previous !== undefined) this.#unlink(previous);
    this.#objects.set(key, object);
    for (const name of this.#indexes.keys()) this.#link(name, object);
    return previous;
  }

  /** Removes and returns the object with `object`'s key. */
  delete(object: KubeObject): T | undefined {
    const key = keyText(keyOf(object));
    const previous = this.#objects.get(key);
    if (previous === undefined) return undefined;
    this.#unlink(previous);
    this.#objects.delete(key);
    return previous;
  }

  #link(name: string, object: T): void {
    const entry = this.#indexes.get(name);
    for (const value of entry?.values(object) ?? []) {
      const bucket = entry?.index.get(value);
      if (bucket === undefined) entry?.index.set(value, new Set([object]));
      else bucket.add(object);
    }
  }

  #unlink(object: T): void {
    for (const { values, index } of this.#indexes.values()) {
      for (const value of values(object)) {
        const bucket = index.get(value);
        bucket?.delete(object);
        if (bucket?.size === 0) index.delete(value);
      }
    }
  }
}

const NAMESPACE = 'namespace';
