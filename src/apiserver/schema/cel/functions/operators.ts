import * as types from '../types/type.ts';
import type { CelType } from '../types/type.ts';
import { compare, equals } from '../values/compare.ts';
import { EvaluationError } from '../values/errors.ts';
import { CelList } from '../values/list.ts';
import type { CelMap } from '../values/map.ts';
import { checkInt, checkUint, type Uint } from '../values/numbers.ts';
import { textSize } from '../values/size.ts';
import { Duration, Timestamp } from '../values/time.ts';
import type { Value } from '../values/value.ts';
import * as is from './declare.ts';
import { func, method, type Arg, type Library, type Overload } from './declare.ts';

const A = types.param('A');
const B = types.param('B');
const anyA = is.anything(A);
const listA = is.list(A);
const mapAB = is.map(A, B);

function divide(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new EvaluationError('division by zero');
  return a / b;
}

function modulo(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new EvaluationError('modulus by zero');
  checkInt(a / b);
  return a % b;
}

const onInts = (id: string, of: (a: bigint, b: bigint) => bigint) =>
  func(id, [is.INT, is.INT], types.INT, (a: bigint, b: bigint) => checkInt(of(a, b)));
const onUints = (id: string, of: (a: bigint, b: bigint) => bigint) =>
  func(id, [is.UINT, is.UINT], types.UINT, (a: Uint, b: Uint) => checkUint(of(a.value, b.value)));
const onDoubles = (id: string, of: (a: number, b: number) => number) =>
  func(id, [is.DOUBLE, is.DOUBLE], types.DOUBLE, of);

/** The pairs of types that have an order, as the names of overloads say them. */
const ORDERED: readonly (readonly [string, Arg<Value>, Arg<Value>])[] = [
  ['bool', is.BOOL, is.BOOL],
  ['int64', is.INT, is.INT],
  ['int64_double', is.INT, is.DOUBLE],
  ['int64_uint64', is.INT, is.UINT],
  ['uint64', is.UINT, is.UINT],
  ['uint64_double', is.UINT, is.DOUBLE],
  ['uint64_int64', is.UINT, is.INT],
  ['double', is.DOUBLE, is.DOUBLE],
  ['double_int64', is.DOUBLE, is.INT],
  ['double_uint64', is.DOUBLE, is.UINT],
  ['string', is.STRING, is.STRING],
  ['bytes', is.BYTES, is.BYTES],
  ['timestamp', is.TIMESTAMP, is.TIMESTAMP],
  ['duration', is.DURATION, is.DURATION],
];

function relation(name: string, holds: (order: number) => boolean): Overload[] {
  return ORDERED.map(([of, left, right]) =>
    func(`${name}_${of}`, [left, right], types.BOOL, (a: Value, b: Value) => holds(compare(a, b))),
  );
}

function contains(list: CelList, item: Value): boolean {
  for (const one of list) if (equals(one, item)) return true;
  return false;
}

/** The operators of CEL. Those that need not evaluate everything, and selection, are the evaluator's own. */
export const operators: Library = {
  '_+_': [
    func('add_bytes', [is.BYTES, is.BYTES], types.BYTES, (a: Uint8Array, b: Uint8Array) => Buffer.concat([a, b])),
    onDoubles('add_double', (a, b) => a + b),
    func(
      'add_duration_duration',
      [is.DURATION, is.DURATION],
      types.DURATION,
      (a: Duration, b: Duration) => new Duration(a.nanos + b.nanos),
    ),
    func(
      'add_duration_timestamp',
      [is.DURATION, is.TIMESTAMP],
      types.TIMESTAMP,
      (a: Duration, b: Timestamp) => new Timestamp(a.nanos + b.nanos, b.zone),
    ),
    func(
      'add_timestamp_duration',
      [is.TIMESTAMP, is.DURATION],
      types.TIMESTAMP,
      (a: Timestamp, b: Duration) => new Timestamp(a.nanos + b.nanos, a.zone),
    ),
    onInts('add_int64', (a, b) => a + b),
    func('add_list', [listA, listA], types.listOf(A), (a: CelList, b: CelList) => a.concat(b)),
    func('add_string', [is.STRING, is.STRING], types.STRING, (a: string, b: string) => a + b),
    onUints('add_uint64', (a, b) => a + b),
  ],
  '_-_': [
    onDoubles('subtract_double', (a, b) => a - b),
    func(
      'subtract_duration_duration',
      [is.DURATION, is.DURATION],
      types.DURATION,
      (a: Duration, b: Duration) => new Duration(a.nanos - b.nanos),
    ),
    onInts('subtract_int64', (a, b) => a - b),
    func(
      'subtract_timestamp_duration',
      [is.TIMESTAMP, is.DURATION],
      types.TIMESTAMP,
      (a: Timestamp, b: Duration) => new Timestamp(a.nanos - b.nanos, a.zone),
    ),
    func(
      'subtract_timestamp_timestamp',
      [is.TIMESTAMP, is.TIMESTAMP],
      types.DURATION,
      (a: Timestamp, b: Timestamp) => new Duration(a.nanos - b.nanos),
    ),
    onUints('subtract_uint64', (a, b) => a - b),
  ],
  '_*_': [
    onDoubles('multiply_double', (a, b) => a * b),
    onInts('multiply_int64', (a, b) => a * b),
    onUints('multiply_uint64', (a, b) => a * b),
  ],
  '_/_': [
    onDoubles('divide_double', (a, b) => a / b),
    onInts('divide_int64', divide),
    onUints('divide_uint64', divide),
  ],
  '_%_': [onInts('modulo_int64', modulo), onUints('modulo_uint64', modulo)],
  '-_': [
    func('negate_double', [is.DOUBLE], types.DOUBLE, (a: number) => -a),
    func('negate_int64', [is.INT], types.INT, (a: bigint) => checkInt(-a)),
  ],
  '!_': [func('logical_not', [is.BOOL], types.BOOL, (a: boolean) => !a)],
  '_<_': relation('less', (order) => order < 0),
  '_<=_': relation('less_equals', (order) => order <= 0),
  '_>_': relation('greater', (order) => order > 0),
  '_>=_': relation('greater_equals', (order) => order >= 0),
  '@in': [
    func('in_list', [anyA, listA], types.BOOL, (item: Value, list: CelList) => contains(list, item)),
    func('in_map', [anyA, mapAB], types.BOOL, (key: Value, map: CelMap) => map.find(key) !== undefined),
  ],
  '_==_': [func('equals', [anyA, anyA], types.BOOL, (a: Value, b: Value) => equals(a, b))],
  '_!=_': [func('not_equals', [anyA, anyA], types.BOOL, (a: Value, b: Value) => !equals(a, b))],
  size: [
    func('size_bytes', [is.BYTES], types.INT, (a: Uint8Array) => BigInt(a.length)),
    method('bytes_size', [is.BYTES], types.INT, (a: Uint8Array) => BigInt(a.length)),
    func('size_list', [listA], types.INT, (a: CelList) => BigInt(a.size)),
    method('list_size', [listA], types.INT, (a: CelList) => BigInt(a.size)),
    func('size_map', [mapAB], types.INT, (a: CelMap) => BigInt(a.size)),
    method('map_size', [mapAB], types.INT, (a: CelMap) => BigInt(a.size)),
    func('size_string', [is.STRING], types.INT, (a: string) => BigInt(textSize(a))),
    method('string_size', [is.STRING], types.INT, (a: string) => BigInt(textSize(a))),
  ],
};

/** A signature that the checker needs; the evaluator does what it says itself. */
function form(id: string, args: readonly CelType[], result: CelType): Overload {
  const call = () => {
    throw new EvaluationError(`${id} is no function`);
  };
  return { id, member: false, args, result, takes: [], call };
}

const optionalList = types.optionalOf(types.listOf(A));
const optionalMap = types.optionalOf(types.mapOf(A, B));
const optionalA = types.optionalOf(A);
const optionalB = types.optionalOf(B);

/** The operators that need not evaluate everything, selection and optional chaining. */
export const forms: Library = {
  '_&&_': [form('logical_and', [types.BOOL, types.BOOL], types.BOOL)],
  '_||_': [form('logical_or', [types.BOOL, types.BOOL], types.BOOL)],
  '_?_:_': [form('conditional', [types.BOOL, A, A], A)],
  '@not_strictly_false': [form('not_strictly_false', [types.BOOL], types.BOOL)],
  '_[_]': [
    form('index_list', [types.listOf(A), types.INT], A),
    form('index_map', [types.mapOf(A, B), A], B),
    form('optional_list_index_int', [optionalList, types.INT], optionalA),
    form('optional_map_index_value', [optionalMap, A], optionalB),
  ],
  '_[?_]': [
    form('list_optindex_optional_int', [types.listOf(A), types.INT], optionalA),
    form('optional_list_optindex_optional_int', [optionalList, types.INT], optionalA),
    form('map_optindex_optional_value', [types.mapOf(A, B), A], optionalB),
    form('optional_map_optindex_optional_value', [optionalMap, A], optionalB),
  ],
  or: [{ ...form('optional_or_optional', [optionalA, optionalA], optionalA), member: true }],
  orValue: [{ ...form('optional_orValue_value', [optionalA, A], A), member: true }],
};
