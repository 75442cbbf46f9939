import { equals } from './compare.ts';
import { noSuchOverload } from './overload.ts';
import type { Value } from './value.ts';

/** A list of CEL. */
export abstract class CelList implements Iterable<Value> {
  readonly typeName = 'list';

  abstract get size(): number;

  /** @param index  Within the list. */
  abstract at(index: number): Value;

  /** This list with the items of `other` behind its own; lists that are sets or maps merge. */
  abstract concat(other: CelList): CelList;

  *[Symbol.iterator](): IterableIterator<Value> {
    for (let index = 0; index < this.size; index++) yield this.at(index);
  }

  equals(other: Value): boolean {
    if (!(other instanceof CelList)) throw noSuchOverload();
    if (this.size !== other.size) return false;
    for (let index = 0; index < this.size; index++) {
      if (!equals(this.at(index), other.at(index))) return false;
    }
    return true;
  }
}

/** A list that an expression made. */
export class ArrayList extends CelList {
  readonly #items: readonly Value[];

  constructor(items: readonly Value[]) {
    super();
    this.#items = items;
  }

  get size(): number {
    return this.#items.length;
  }

  at(index: number): Value {
    return this.#items[index] ?? null;
  }

  concat(other: CelList): CelList {
    return new ArrayList([...this.#items, ...other]);
  }

  override [Symbol.iterator](): IterableIterator<Value> {
    return this.#items.values();
  }
}

/** The accumulator of a fold: concat adds in place, so that n steps take n additions and not n copies. */
export class GrowingList extends CelList {
  readonly #items: Value[] = [];

  get size(): number {
    return this.#items.length;
  }

  at(index: number): Value {
    return this.#items[index] ?? null;
  }

  concat(other: CelList): this {
    for (const item of other) this.#items.push(item);
    return this;
  }

  /** The list that it has become. */
  finish(): ArrayList {
    return new ArrayList(this.#items);
  }
}
