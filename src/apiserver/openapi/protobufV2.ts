import { isJsonObject, stringifyJson, type JsonObject, type JsonValue } from '../codec/json.ts';
import { block, double, integer, text as wireText } from '../codec/protobufWriter.ts';

/** Numbers of the members of gnostic's openapi.v2.Schema, by name in JSON and by kind of value. */
const TEXTS = { $ref: 1, format: 2, title: 3, description: 4, pattern: 13, discriminator: 26 };
const DOUBLES = { multipleOf: 6, maximum: 7, minimum: 9 };
const FLAGS = { exclusiveMaximum: 8, exclusiveMinimum: 10, uniqueItems: 16, readOnly: 27 };
const COUNTS = { maxLength: 11, minLength: 12, maxItems: 14, minItems: 15, maxProperties: 17, minProperties: 18 };
const VALUES = { default: 5, example: 30 };

/**
 * An OpenAPI v2 document as gnostic's openapi.v2.Document: what clients in Go read to know the types of kinds, such as
 * which members a manager of server-side apply owns.
 * Source: google/gnostic-models openapiv2/OpenAPIv2.proto (v0.7).
 */
export function openApiV2Protobuf({ swagger, info, definitions }: JsonObject): Buffer {
  const { title, version } = isJsonObject(info) ? info : {};
  return Buffer.concat([
    text(1, swagger),
    block(2, text(1, title), text(2, version)),
    block(8),
    block(9, ...namedSchemas(definitions)),
  ]);
}

function namedSchemas(schemas: JsonValue | undefined): Buffer[] {
  if (!isJsonObject(schemas)) return [];
  return Object.entries(schemas).map(([name, one]) => block(1, text(1, name), block(2, schema(one))));
}

function schema(value: JsonValue | undefined): Buffer {
  if (!isJsonObject(value)) return Buffer.alloc(0);
  const { required, type, items, properties, additionalProperties } = value;
  return Buffer.concat([
    ...fieldsOf(TEXTS, value, text),
    ...fieldsOf(DOUBLES, value, (number, member) => double(number, Number(member))),
    ...fieldsOf(FLAGS, value, (number, flag) => integer(number, flag === true ? 1 : 0)),
    ...fieldsOf(COUNTS, value, (number, member) => integer(number, Number(member))),
    ...fieldsOf(VALUES, value, any),
    ...listOf(required).map((one) => text(19, one)),
    ...listOf(value['enum']).map((one) => any(20, one)),
    ...(additionalProperties === undefined ? [] : [openOrTyped(additionalProperties)]),
    ...(type === undefined ? [] : [block(22, ...[type].flat().map((one) => text(1, one)))]),
    ...(items === undefined ? [] : [block(23, block(1, schema(items)))]),
    ...(properties === undefined ? [] : [block(25, ...namedSchemas(properties))]),
    ...Object.entries(value)
      .filter(([name]) => name.startsWith('x-'))
      .map(([name, extension]) => block(31, text(1, name), any(2, extension))),
  ]);
}

function openOrTyped(value: JsonValue): Buffer {
  return block(21, typeof value === 'boolean' ? integer(2, value ? 1 : 0) : block(1, schema(value)));
}

function fieldsOf(
  numbers: Readonly<Record<string, number>>,
  value: JsonObject,
  encode: (number: number, member: JsonValue) => Buffer,
): Buffer[] {
  return Object.entries(numbers).flatMap(([name, number]) => {
    const member = value[name];
    return member === undefined ? [] : [encode(number, member)];
  });
}

function listOf(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : [];
}

/** Any value: in YAML, of which JSON is a part. */
function any(number: number, value: JsonValue): Buffer {
  return block(number, text(2, stringifyJson(value)));
}

function text(number: number, value: JsonValue | undefined): Buffer {
  return wireText(number, typeof value === 'string' ? value : '');
}
