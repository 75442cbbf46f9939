import { childOf, isJsonObject } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { childNode } from './structural.ts';
import type { StructuralNode } from './structural.ts';

const META_FIELDS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);
/** Unknown fields that are named; more would only fill a warning header. */
const MAX_PATHS = 100;

/**
 * Removes in place what the schema does not know; apiVersion, kind and metadata of the root and of embedded resources
 * stay.
 * @param old  Pruned before: nodes that `object` shares with it at the same place are passed over.
 * @returns the paths that were removed, sorted: `spec.x`, `spec.list[0].y`.
 */
export function prune(object: JsonObject, root: StructuralNode, old?: JsonObject): string[] {
  const pruner = new Pruner();
  pruner.object(object, root, { embedded: true, keep: root.preserveUnknownFields, old });
  return pruner.unknown.sort();
}

/** As {@link prune} for a value somewhere inside an object. */
export function pruneValue(value: JsonValue, node: StructuralNode): void {
  new Pruner().value(value, node, undefined);
}

interface Mode {
  embedded: boolean;
  keep: boolean;
  old: JsonValue | undefined;
}

class Pruner {
  readonly unknown: string[] = [];
  readonly #path: (string | number)[] = [];

  object(object: JsonObject, node: StructuralNode | undefined, mode: Mode): void {
    for (const key of Object.keys(object)) {
      if (mode.embedded && META_FIELDS.has(key)) continue;
      const child = childNode(node, key);
      const isKnown = child !== undefined || node?.additionalProperties === true;
      if (isKnown) this.#inside(key, { value: object[key] ?? null, old: mode.old }, child);
      else if (!mode.keep) this.#remove(object, key);
    }
  }

  /** @param at.old  What had the child that is now `value`. */
  #inside(
    step: string | number,
    at: { value: JsonValue; old: JsonValue | undefined },
    node: StructuralNode | undefined,
  ): void {
    if (typeof at.value !== 'object' || at.value === null) return;
    const old = childOf(at.old, step);
    if (at.value === old) return;
    this.#path.push(step);
    this.value(at.value, node, old);
    this.#path.pop();
  }

  #remove(object: JsonObject, key: string): void {
    if (this.unknown.length < MAX_PATHS) this.unknown.push(pathText([...this.#path, key]));
    Reflect.deleteProperty(object, key);
  }

  /** Below `additionalProperties: true` the node is undefined and nothing is known. */
  value(value: JsonValue, node: StructuralNode | undefined, old: JsonValue | undefined): void {
    const keep = node?.preserveUnknownFields ?? false;
    if (Array.isArray(value)) {
      if (keep && node?.items === undefined) return;
      value.forEach((item, index) => this.#inside(index, { value: item, old }, node?.items));
    } else if (isJsonObject(value)) this.object(value, node, { embedded: node?.embeddedResource ?? false, keep, old });
  }
}

function pathText(path: readonly (string | number)[]): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}
