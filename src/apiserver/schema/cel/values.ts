import type { CelInput } from '@bufbuild/cel';
import { isJsonObject } from '../../codec/json.ts';
import type { JsonObject, JsonValue } from '../../codec/json.ts';
import { childNode } from '../structural.ts';
import type { StructuralNode } from '../structural.ts';

/** Names that CEL keeps for itself; as properties they are written `__name__`. */
const RESERVED: ReadonlySet<string> = new Set([
  ...['true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if'],
  ...['import', 'let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while'],
]);

/** A property name as rules write it: `a.b` → `a__dot__b`. Source: Kubernetes' CEL escaping. */
function escapeProperty(name: string): string {
  if (RESERVED.has(name)) return `__${name}__`;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}

/** The inverse of {@link escapeProperty}. */
export function unescapeProperty(name: string): string {
  const inner = /^__(.+)__$/.exec(name)?.[1];
  if (inner !== undefined && RESERVED.has(inner)) return inner;
  return name
    .replaceAll('__dot__', '.')
    .replaceAll('__dash__', '-')
    .replaceAll('__slash__', '/')
    .replaceAll('__underscores__', '__');
}

/**
 * `value` as a rule sees it, typed by its schema: integers are CEL int, other numbers double, objects maps with escaped
 * property names. Of the metadata of a whole object rules see name and generateName only.
 */
export function toCelInput(value: JsonValue, node: StructuralNode | undefined): CelInput {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return isInteger(value, node) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map((item) => toCelInput(item, node?.items));
  return new Map(entriesOf(value, node));
}

function isInteger(value: number, node: StructuralNode | undefined): boolean {
  if (!Number.isInteger(value)) return false;
  return node === undefined || node.type === 'integer' || node.intOrString || node.type === '';
}

function* entriesOf(value: JsonObject, node: StructuralNode | undefined): Generator<[string, CelInput]> {
  const named = node !== undefined && node.properties.size > 0;
  for (const [key, member] of Object.entries(value)) {
    yield [named ? escapeProperty(key) : key, toCelInput(member, childNode(node, key))];
  }
}

/** What a rule on the root of a resource sees of it. */
export function rootForRules(object: JsonObject): JsonObject {
  const { metadata } = object;
  const { name, generateName } = isJsonObject(metadata) ? metadata : {};
  const visible = Object.fromEntries(Object.entries({ name, generateName }).filter(([, one]) => one !== undefined));
  return { ...object, metadata: visible as JsonObject };
}
