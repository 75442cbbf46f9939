import * as types from '../types/type.ts';
import { EvaluationError } from '../values/errors.ts';
import { checkInt, checkUint, doubleText, type Uint } from '../values/numbers.ts';
import {
  Duration,
  durationText,
  parseDuration,
  parseTimestamp,
  Timestamp,
  timestampOf,
  timestampText,
} from '../values/time.ts';
import { typeNameOf, TypeValue, type Value } from '../values/value.ts';
import * as is from './declare.ts';
import { func, type Arg, type Library, type Overload } from './declare.ts';

const A = types.param('A');

function same<T extends Value>(id: string, arg: Arg<T>): Overload {
  return func(id, [arg], arg.type, (value: Value) => value);
}

function badText(to: string): EvaluationError {
  return new EvaluationError(`type conversion error from 'string' to '${to}'`);
}

function noDuration(value: bigint): never {
  throw new EvaluationError(`type conversion error from '${typeNameOf(value)}' to 'google.protobuf.Duration'`);
}

/** Go's strconv.ParseBool. */
function toBool(text: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  throw badText('bool');
}

function toInt(text: string): bigint {
  const value = /^[+-]?0*\d{1,19}$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined;
  if (value === undefined || BigInt.asIntN(64, value) !== value) throw badText('int');
  return value;
}

function toUint(text: string): Uint {
  const value = /^0*\d{1,20}$/.test(text) ? BigInt(text) : undefined;
  if (value === undefined || BigInt.asUintN(64, value) !== value) throw badText('uint');
  return checkUint(value);
}

/** Go's strconv.ParseFloat, without its hexadecimal and underscored forms. */
function toDouble(text: string): number {
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special !== null) return special[2]?.toLowerCase() === 'nan' ? NaN : special[1] === '-' ? -Infinity : Infinity;
  const value = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : NaN;
  if (!Number.isFinite(value)) throw badText('double');
  return value;
}

function truncate(
  value: number,
  check: (value: bigint) => Value,
  overflow: string,
  limits: readonly [number, number],
): Value {
  if (!(value > limits[0] && value < limits[1])) throw new EvaluationError(overflow);
  return check(BigInt(Math.trunc(value)));
}

function toText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('utf8');
  if (Buffer.compare(Buffer.from(text), bytes) !== 0)
    throw new EvaluationError('invalid UTF-8 in bytes, cannot convert to string');
  return text;
}

/** type(), dyn() and the conversions between the basic types. */
export const conversions: Library = {
  type: [func('type', [is.anything(A)], types.typeOf(A), (value: Value) => new TypeValue(typeNameOf(value)))],
  dyn: [func('to_dyn', [is.anything(A)], types.DYN, (value: Value) => value)],
  bool: [same('bool_to_bool', is.BOOL), func('string_to_bool', [is.STRING], types.BOOL, toBool)],
  bytes: [
    same('bytes_to_bytes', is.BYTES),
    func('string_to_bytes', [is.STRING], types.BYTES, (text: string) => Buffer.from(text)),
  ],
  double: [
    same('double_to_double', is.DOUBLE),
    func('int64_to_double', [is.INT], types.DOUBLE, (value: bigint) => Number(value)),
    func('string_to_double', [is.STRING], types.DOUBLE, toDouble),
    func('uint64_to_double', [is.UINT], types.DOUBLE, (value: Uint) => Number(value.value)),
  ],
  duration: [
    same('duration_to_duration', is.DURATION),
    func('int64_to_duration', [is.INT], types.DURATION, noDuration),
    func('string_to_duration', [is.STRING], types.DURATION, (text: string) => {
      const value = parseDuration(text);
      if (value === undefined) throw badText('google.protobuf.Duration');
      return value;
    }),
  ],
  int: [
    same('int64_to_int64', is.INT),
    func('double_to_int64', [is.DOUBLE], types.INT, (value: number) =>
      truncate(value, checkInt, 'integer overflow', [-(2 ** 63), 2 ** 63]),
    ),
    func('duration_to_int64', [is.DURATION], types.INT, (value: Duration) => value.nanos),
    func('string_to_int64', [is.STRING], types.INT, toInt),
    func('timestamp_to_int64', [is.TIMESTAMP], types.INT, (value: Timestamp) => value.seconds),
    func('uint64_to_int64', [is.UINT], types.INT, (value: Uint) => checkInt(value.value)),
  ],
  string: [
    same('string_to_string', is.STRING),
    func('bool_to_string', [is.BOOL], types.STRING, (value: boolean) => String(value)),
    func('bytes_to_string', [is.BYTES], types.STRING, toText),
    func('double_to_string', [is.DOUBLE], types.STRING, doubleText),
    func('duration_to_string', [is.DURATION], types.STRING, durationText),
    func('int64_to_string', [is.INT], types.STRING, (value: bigint) => value.toString()),
    func('timestamp_to_string', [is.TIMESTAMP], types.STRING, timestampText),
    func('uint64_to_string', [is.UINT], types.STRING, (value: Uint) => value.value.toString()),
  ],
  timestamp: [
    same('timestamp_to_timestamp', is.TIMESTAMP),
    func('int64_to_timestamp', [is.INT], types.TIMESTAMP, timestampOf),
    func('string_to_timestamp', [is.STRING], types.TIMESTAMP, (text: string) => {
      const value = parseTimestamp(text);
      if (value === undefined) throw badText('google.protobuf.Timestamp');
      return value;
    }),
  ],
  uint: [
    same('uint64_to_uint64', is.UINT),
    func('double_to_uint64', [is.DOUBLE], types.UINT, (value: number) =>
      truncate(value, checkUint, 'unsigned integer overflow', [-1e-300, 2 ** 64]),
    ),
    func('int64_to_uint64', [is.INT], types.UINT, (value: bigint) => checkUint(value)),
    func('string_to_uint64', [is.STRING], types.UINT, toUint),
  ],
};
