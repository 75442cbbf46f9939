import { equalJson, member, type JsonObject, type JsonValue } from '../../../codec/json.ts';
import { childNode, type StructuralNode } from '../../structural.ts';
import { equals } from '../values/compare.ts';
import { CelMap } from '../values/map.ts';
import { noSuchOverload } from '../values/overload.ts';
import type { Value } from '../values/value.ts';
import { escapeProperty, unescapeProperty } from './escape.ts';
import { withResourceMeta } from './resourceMeta.ts';

type Typed = (value: JsonValue, node: StructuralNode) => Value;

/** An object of the API, or a map. Source: k8s.io/apiserver pkg/cel/common/valuesunstructured.go. */
export class SchemaMap extends CelMap {
  readonly #object: JsonObject;
  readonly #node: StructuralNode;
  readonly #typed: Typed;
  /** Its keys are properties: escaped, and null counts as missing. */
  readonly #named: boolean;

  constructor(object: JsonObject, node: StructuralNode, typed: Typed) {
    super();
    this.#object = object;
    this.#node = node.embeddedResource ? withResourceMeta(node) : node;
    this.#typed = typed;
    this.#named = this.#node.properties.size > 0;
  }

  get size(): number {
    return Object.keys(this.#object).length;
  }

  find(key: Value): Value | undefined {
    if (typeof key !== 'string') throw noSuchOverload();
    const name = this.#named ? unescapeProperty(key) : key;
    return name === undefined ? undefined : this.#member(name);
  }

  #member(name: string): Value | undefined {
    const value = member(this.#object, name);
    if (value === undefined || (value === null && this.#named)) return undefined;
    const node = childNode(this.#node, name);
    return node && this.#typed(value, node);
  }

  *keys(): IterableIterator<Value> {
    for (const key of Object.keys(this.#object)) {
      if (childNode(this.#node, key) !== undefined) yield this.#named ? (escapeProperty(key) ?? key) : key;
    }
  }

  override equals(other: Value): boolean {
    if (!(other instanceof SchemaMap)) return super.equals(other);
    if (this.size !== other.size) return false;
    return Object.keys(this.#object).every((key) => this.#equalMember(other, key));
  }

  #equalMember(other: SchemaMap, key: string): boolean {
    if (childNode(this.#node, key) === undefined)
      return equalJson(member(this.#object, key), member(other.#object, key));
    const [mine, theirs] = [this.#member(key), other.#member(key)];
    if (mine === undefined || theirs === undefined) return mine === theirs;
    return equals(mine, theirs);
  }
}
