import { isJsonObject } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { goNumber, goQuote } from '../schema/goText.ts';
import type { FieldType } from './fieldType.ts';
import { elementText } from './pathElement.ts';

/**
 * Says what in an applied object does not fit its schema, so that nobody could own it: unknown fields, values of the
 * wrong type, items that cannot be told apart. undefined = it fits.
 */
export function appliedProblem(object: JsonObject, type: FieldType): string | undefined {
  const problems = [...checkMap(object, type, '')];
  const [first] = problems;
  return problems.length > 1 ? ['errors:', ...problems.map((problem) => `  ${problem}`)].join('\n') : first;
}

function* check(value: JsonValue, type: FieldType, path: string): Generator<string> {
  switch (type.shapeOf(value)) {
    case 'map':
      if (value === null) return;
      if (isJsonObject(value)) yield* checkMap(value, type, path);
      else yield `${path}: expected map, got &{${goText(value)}}`;
      return;
    case 'list':
      if (value === null) return;
      if (Array.isArray(value)) yield* checkList(value, type, path);
      else yield `${path}: expected list, got &{${goText(value)}}`;
      return;
    case 'scalar':
      yield* checkScalar(value, type, path);
  }
}

function* checkMap(object: JsonObject, type: FieldType, path: string): Generator<string> {
  for (const key of Object.keys(object).sort()) {
    if (!type.members.has(key) && type.others === undefined) {
      yield `${path}.${key}: field not declared in schema`;
      return;
    }
    yield* check(object[key] ?? null, type.member(key), `${path}.${key}`);
  }
}

function* checkList(list: JsonValue[], type: FieldType, path: string): Generator<string> {
  const seen = new Set<string>();
  for (const [index, item] of list.entries()) {
    const element = type.isAtomicList ? `i:${index}` : type.elementOf(item);
    if (element === undefined) {
      yield `${path}: element ${index}: ${whyNoElement(item, type)}`;
      return;
    }
    if (seen.has(element)) yield `${path}: duplicate entries for key ${elementText(element)}`;
    seen.add(element);
    yield* check(item, type.item, `${path}${elementText(element)}`);
  }
}

function whyNoElement(item: JsonValue, { keys }: FieldType): string {
  if (keys.length === 0) {
    if (Array.isArray(item)) return 'not supported: associative list with lists as elements';
    const what = item === null ? 'an explicit null' : 'a map type';
    return `associative list without keys has an element that's ${what}`;
  }
  if (item === null) return 'associative list with keys may not have a null element';
  if (!isJsonObject(item)) return 'associative list with keys may not have non-map elements';
  const names = keys.map((key) => goQuote(key)).join(' ');
  return `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`;
}

function* checkScalar(value: JsonValue, type: FieldType, path: string): Generator<string> {
  if (value === null) return;
  const is = typeof value === 'bigint' ? 'number' : typeof value;
  const expected = { numeric: 'number', string: 'string', boolean: 'boolean', untyped: is }[type.scalar];
  if (is === expected && is !== 'object') return;
  switch (type.scalar) {
    case 'numeric':
      yield `${path}: expected numeric (int or float), got ${goType(value)}`;
      return;
    case 'string':
      yield `${path}: expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`;
      return;
    case 'boolean':
      yield `${path}: expected boolean, got &{${goText(value)}}`;
      return;
    case 'untyped':
      yield `${path}: expected any scalar, got &{${goText(value)}}`;
  }
}

const MAP_TYPE = 'map[string]interface {}';
const LIST_TYPE = '[]interface {}';

/** The type of a value as Go's `%T` names it. */
function goType(value: JsonValue): string {
  if (Array.isArray(value)) return LIST_TYPE;
  if (isJsonObject(value)) return MAP_TYPE;
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** A value as Go's `%v` prints it. */
function goText(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (value === null) return '<nil>';
  if (typeof value === 'number' || typeof value === 'bigint') return goNumber(value);
  if (!isJsonObject(value)) return String(value);
  const members = Object.keys(value).sort();
  return `map[${members.map((key) => `${key}:${goText(value[key] ?? null)}`).join(' ')}]`;
}

/** A value as Go's `%#v` prints it. */
function goSyntax(value: JsonValue): string {
  if (typeof value === 'string') return goQuote(value);
  if (Array.isArray(value)) return `${LIST_TYPE}{${value.map(goSyntax).join(', ')}}`;
  if (value === null) return 'interface {}(nil)';
  if (!isJsonObject(value)) return goText(value);
  const members = Object.keys(value).sort();
  return `${MAP_TYPE}{${members.map((key) => `${goQuote(key)}:${goSyntax(value[key] ?? null)}`).join(', ')}}`;
}
