import type { JsonValue } from '../../../codec/json.ts';
import type { StructuralNode } from '../../structural.ts';
import { equals } from '../values/compare.ts';
import { ArrayList, CelList } from '../values/list.ts';
import { CelMap } from '../values/map.ts';
import { noSuchOverload } from '../values/overload.ts';
import { valueText } from '../values/text.ts';
import { typeNameOf, type Value } from '../values/value.ts';
import { escapeProperty } from './escape.ts';

type Typed = (value: JsonValue, node: StructuralNode) => Value;

/** A list of the API: atomic, a set, or a map by keys of its items; sets and maps have no order. */
export class SchemaList extends CelList {
  readonly #items: CelList;
  readonly #node: StructuralNode;

  constructor(values: JsonValue[] | CelList, node: StructuralNode, typed: Typed) {
    super();
    this.#items = values instanceof CelList ? values : new LazyList(values, node, typed);
    this.#node = node;
  }

  get size(): number {
    return this.#items.size;
  }

  at(index: number): Value {
    return this.#items.at(index);
  }

  override [Symbol.iterator](): IterableIterator<Value> {
    return this.#items[Symbol.iterator]();
  }

  override equals(other: Value): boolean {
    if (!(other instanceof CelList)) throw noSuchOverload();
    const identity = this.#identity();
    if (identity === undefined) return super.equals(other);
    if (this.size !== other.size) return false;
    const known = new Map(Array.from(this, (item) => [identity(item), item] as const));
    return [...other].every((item) => {
      const mine = known.get(identity(item));
      return mine !== undefined && equals(mine, item);
    });
  }

  concat(other: CelList): CelList {
    const identity = this.#identity();
    if (identity === undefined) return new ArrayList([...this, ...other]);
    const merged = new Map(Array.from(this, (item) => [identity(item), item] as const));
    for (const item of other) {
      if (this.#node.listType === 'map' || !merged.has(identity(item))) merged.set(identity(item), item);
    }
    return new SchemaList(new ArrayList([...merged.values()]), this.#node, () => null);
  }

  /** What makes two items the same one; undefined when only their place does. */
  #identity(): ((item: Value) => string) | undefined {
    if (this.#node.listType === 'set') return scalarKey;
    if (this.#node.listType !== 'map') return undefined;
    const keys = this.#node.listMapKeys.map((key) => escapeProperty(key) ?? key);
    return (item) => keys.map((key) => scalarKey(item instanceof CelMap ? (item.find(key) ?? null) : null)).join('\0');
  }
}

function scalarKey(value: Value): string {
  return `${typeNameOf(value)} ${valueText(value)}`;
}

/** Items that are typed when they are asked for. */
class LazyList extends CelList {
  readonly #values: readonly JsonValue[];
  readonly #node: StructuralNode;
  readonly #typed: Typed;

  constructor(values: readonly JsonValue[], node: StructuralNode, typed: Typed) {
    super();
    this.#values = values;
    this.#node = node;
    this.#typed = typed;
  }

  get size(): number {
    return this.#values.length;
  }

  at(index: number): Value {
    const { items } = this.#node;
    return items === undefined ? null : this.#typed(this.#values[index] ?? null, items);
  }

  concat(other: CelList): CelList {
    return new ArrayList([...this, ...other]);
  }
}
