import { isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { formatCheck } from './formats.ts';

/** The validation keywords of one schema, ready for use. */
export interface CheckNode {
  /** [] = any type. */
  types: readonly string[];
  nullable: boolean;
  enum: readonly JsonValue[] | undefined;
  text: TextChecks | undefined;
  number: NumberChecks | undefined;
  minItems: number | undefined;
  maxItems: number | undefined;
  uniqueItems: boolean;
  items: CheckNode | undefined;
  minProperties: number | undefined;
  maxProperties: number | undefined;
  required: readonly string[];
  properties: ReadonlyMap<string, CheckNode>;
  /** false forbids other members; undefined or true allows any. */
  additional: CheckNode | boolean | undefined;
  /** undefined = none, as nearly everywhere. */
  alternatives: Alternatives | undefined;
}

/** Schemas that the same value is held against. */
interface Alternatives {
  allOf: readonly CheckNode[];
  anyOf: readonly CheckNode[];
  oneOf: readonly CheckNode[];
  not: CheckNode | undefined;
}

/** Keywords of strings. */
export interface TextChecks {
  minLength: number | undefined;
  maxLength: number | undefined;
  pattern: string | undefined;
  format: string | undefined;
  hasFormat: ((text: string) => boolean) | undefined;
}

/** Keywords of numbers. */
export interface NumberChecks {
  minimum: number | undefined;
  exclusiveMinimum: boolean;
  maximum: number | undefined;
  exclusiveMaximum: boolean;
  multipleOf: number | undefined;
}

/** Reads the validation keywords of `schema`; what is malformed counts as absent. */
export function compileCheck(schema: JsonObject): CheckNode {
  const items = member(schema, 'items');
  const enumeration = member(schema, 'enum');
  return {
    types: typesOf(schema),
    nullable: schema['nullable'] === true,
    enum: Array.isArray(enumeration) && enumeration.length > 0 ? enumeration : undefined,
    text: textChecks(schema),
    number: numberChecks(schema),
    minItems: numberOf(schema, 'minItems'),
    maxItems: numberOf(schema, 'maxItems'),
    uniqueItems: schema['uniqueItems'] === true,
    items: isJsonObject(items) ? compileCheck(items) : undefined,
    minProperties: numberOf(schema, 'minProperties'),
    maxProperties: numberOf(schema, 'maxProperties'),
    required: textsOf(schema, 'required'),
    properties: propertiesOf(schema),
    additional: additionalOf(member(schema, 'additionalProperties')),
    alternatives: alternativesOf(schema),
  };
}

function alternativesOf(schema: JsonObject): Alternatives | undefined {
  const [allOf, anyOf, oneOf] = [listOf(schema, 'allOf'), listOf(schema, 'anyOf'), listOf(schema, 'oneOf')];
  const not = member(schema, 'not');
  if (allOf.length + anyOf.length + oneOf.length === 0 && !isJsonObject(not)) return undefined;
  return { allOf, anyOf, oneOf, not: isJsonObject(not) ? compileCheck(not) : undefined };
}

function typesOf(schema: JsonObject): string[] {
  if (schema['x-kubernetes-int-or-string'] === true) return ['integer', 'string'];
  const type = member(schema, 'type');
  return typeof type === 'string' && type !== '' ? [type] : [];
}

function textChecks(schema: JsonObject): TextChecks | undefined {
  const pattern = member(schema, 'pattern');
  const format = member(schema, 'format');
  const check = typeof format === 'string' ? formatCheck(format) : undefined;
  const checks: TextChecks = {
    minLength: numberOf(schema, 'minLength'),
    maxLength: numberOf(schema, 'maxLength'),
    pattern: typeof pattern === 'string' && pattern !== '' ? pattern : undefined,
    format: typeof format === 'string' && check !== undefined ? format : undefined,
    hasFormat: check,
  };
  return Object.values(checks).every((check) => check === undefined) ? undefined : checks;
}

function numberChecks(schema: JsonObject): NumberChecks | undefined {
  const checks: NumberChecks = {
    minimum: numberOf(schema, 'minimum'),
    exclusiveMinimum: schema['exclusiveMinimum'] === true,
    maximum: numberOf(schema, 'maximum'),
    exclusiveMaximum: schema['exclusiveMaximum'] === true,
    multipleOf: numberOf(schema, 'multipleOf'),
  };
  const { minimum, maximum, multipleOf } = checks;
  return minimum === undefined && maximum === undefined && multipleOf === undefined ? undefined : checks;
}

const NOTHING: ReadonlyMap<string, CheckNode> = new Map();

function propertiesOf(schema: JsonObject): ReadonlyMap<string, CheckNode> {
  const properties = member(schema, 'properties');
  if (!isJsonObject(properties)) return NOTHING;
  return new Map(
    Object.entries(properties).map(([key, value]) => [key, compileCheck(isJsonObject(value) ? value : {})]),
  );
}

function additionalOf(value: JsonValue | undefined): CheckNode | boolean | undefined {
  if (isJsonObject(value)) return compileCheck(value);
  return typeof value === 'boolean' ? value : undefined;
}

function listOf(schema: JsonObject, key: string): CheckNode[] {
  const list = member(schema, key);
  return Array.isArray(list) ? list.filter(isJsonObject).map(compileCheck) : [];
}

function textsOf(schema: JsonObject, key: string): string[] {
  const list = member(schema, key);
  return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : [];
}

function numberOf(schema: JsonObject, key: string): number | undefined {
  const value = member(schema, key);
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
}
