import { isJsonObject, type JsonValue } from '../../../codec/json.ts';
import type { StructuralNode } from '../../structural.ts';
import { EvaluationError } from '../values/errors.ts';
import { parseDate, parseDuration, parseTimestamp } from '../values/time.ts';
import type { Value } from '../values/value.ts';
import { parseWrittenDuration } from './duration.ts';
import { Preserved } from './preserved.ts';
import { SchemaList } from './schemaList.ts';
import { SchemaMap } from './schemaMap.ts';

/**
 * `value` as a rule sees it, typed by its schema: an integer is an int, a date-time a timestamp. What is inside of lists
 * and objects is looked at when a rule does.
 * @throws EvaluationError  when the value does not fit: schema validation reported that before.
 */
export function typedValue(value: JsonValue, node: StructuralNode): Value {
  if (value === null) {
    if (node.nullable) return null;
    throw new EvaluationError('invalid data, got null for schema with nullable=false');
  }
  if (node.intOrString) return intOrString(value);
  switch (node.type) {
    case 'object':
      return isJsonObject(value) ? new SchemaMap(value, node, typedValue) : misfit('a map', value);
    case 'array':
      return Array.isArray(value) ? new SchemaList(value, node, typedValue) : misfit('an array', value);
    case '':
      return new Preserved(value);
    default:
      return typedScalar(value, node);
  }
}

function typedScalar(value: JsonValue, node: StructuralNode): Value {
  if (typeof value === 'string' && node.type === 'string') return typedText(value, node);
  if (typeof value === 'boolean' && node.type === 'boolean') return value;
  if (typeof value !== 'number' && typeof value !== 'bigint') return misfit(node.type, value);
  if (node.type === 'number') return Number(value);
  return (node.type === 'integer' ? integer(value) : undefined) ?? misfit(node.type, value);
}

function misfit(expected: string, value: JsonValue): never {
  throw new EvaluationError(`invalid data, expected ${expected}, got ${typeof value}`);
}

function integer(value: JsonValue): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : undefined;
}

function intOrString(value: JsonValue): Value {
  return typeof value === 'string' ? value : (integer(value) ?? misfit('either a string or integer', value));
}

function typedText(text: string, { source }: StructuralNode): Value {
  switch (source['format']) {
    case 'duration':
      return parseDuration(text) ?? parseWrittenDuration(text) ?? bad('duration', text);
    case 'date':
      return parseDate(text) ?? bad('date formatted string', text);
    case 'date-time':
      return parseTimestamp(text) ?? parseTimestamp(`${text}Z`) ?? bad('date-time formatted string', text);
    case 'byte':
      return Buffer.from(text, 'base64');
    default:
      return text;
  }
}

function bad(what: string, text: string): never {
  throw new EvaluationError(`Invalid ${what} ${text}`);
}
