import { equalJson, isJsonObject, member, type JsonObject, type JsonValue } from '../../../codec/json.ts';
import { ArrayList, CelList } from '../values/list.ts';
import { CelMap } from '../values/map.ts';
import type { Value } from '../values/value.ts';

/** `value` as policies see it, without a schema: whole numbers are int, objects are maps by their own keys. */
export function jsonValue(value: JsonValue): Value {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return new JsonList(value);
  return isJsonObject(value) ? new JsonMap(value) : value;
}

/** An object; its members are looked at when they are asked for. */
class JsonMap extends CelMap {
  readonly #object: JsonObject;

  constructor(object: JsonObject) {
    super();
    this.#object = object;
  }

  get size(): number {
    return Object.keys(this.#object).length;
  }

  find(key: Value): Value | undefined {
    const value = typeof key === 'string' ? member(this.#object, key) : undefined;
    return value === undefined ? undefined : jsonValue(value);
  }

  keys(): Iterable<Value> {
    return Object.keys(this.#object);
  }

  override equals(other: Value): boolean {
    return other instanceof JsonMap ? equalJson(this.#object, other.#object) : super.equals(other);
  }
}

class JsonList extends CelList {
  readonly #items: readonly JsonValue[];

  constructor(items: readonly JsonValue[]) {
    super();
    this.#items = items;
  }

  get size(): number {
    return this.#items.length;
  }

  at(index: number): Value {
    return jsonValue(this.#items[index] ?? null);
  }

  concat(other: CelList): CelList {
    return new ArrayList([...this, ...other]);
  }
}
