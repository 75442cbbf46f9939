import { equals } from './compare.ts';
import { EvaluationError } from './errors.ts';
import { noSuchOverload } from './overload.ts';
import { Uint } from './numbers.ts';
import type { Value } from './value.ts';
import { valueText } from './text.ts';

/** A map of CEL. */
export abstract class CelMap {
  readonly typeName = 'map';

  abstract get size(): number;

  /** The value of `key`; undefined when there is none. @throws EvaluationError  when no map can have such a key. */
  abstract find(key: Value): Value | undefined;

  abstract keys(): Iterable<Value>;

  equals(other: Value): boolean {
    if (!(other instanceof CelMap)) throw noSuchOverload();
    if (this.size !== other.size) return false;
    for (const key of this.keys()) {
      const mine = this.find(key);
      const theirs = other.find(key);
      if (mine === undefined || theirs === undefined || !equals(mine, theirs)) return false;
    }
    return true;
  }
}

type Key = string | bigint | boolean | number;

/** A map that an expression made. */
export class EntryMap extends CelMap {
  readonly #entries: Map<Key, [key: Value, value: Value]>;

  constructor(entries: Iterable<readonly [Value, Value]>) {
    super();
    this.#entries = new Map();
    for (const [key, value] of entries) this.#entries.set(keyOf(key), [key, value]);
  }

  get size(): number {
    return this.#entries.size;
  }

  find(key: Value): Value | undefined {
    return this.#entries.get(keyOf(key))?.[1];
  }

  *keys(): IterableIterator<Value> {
    for (const [key] of this.#entries.values()) yield key;
  }

  /** Adds in place: for the accumulator of a fold only. @throws EvaluationError  when the key is there already. */
  insert(key: Value, value: Value): this {
    const own = keyOf(key);
    if (this.#entries.has(own)) throw new EvaluationError(`insert failed: key ${valueText(key)} already exists`);
    this.#entries.set(own, [key, value]);
    return this;
  }
}

/** Numbers that are equal are the same key, whatever their type. */
function keyOf(key: Value): Key {
  if (typeof key === 'string' || typeof key === 'bigint' || typeof key === 'boolean') return key;
  if (key instanceof Uint) return key.value;
  if (typeof key === 'number') return Number.isInteger(key) ? BigInt(key) : key;
  throw new EvaluationError(`unsupported key type`);
}
