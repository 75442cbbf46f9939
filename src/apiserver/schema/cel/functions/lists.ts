import * as types from '../types/type.ts';
import type { CelType } from '../types/type.ts';
import { compare, equals } from '../values/compare.ts';
import { EvaluationError } from '../values/errors.ts';
import { ArrayList, CelList } from '../values/list.ts';
import { checkInt, checkUint, Uint } from '../values/numbers.ts';
import { noSuchOverload } from '../values/overload.ts';
import { Duration } from '../values/time.ts';
import { Optional, typeNameOf, type Value } from '../values/value.ts';
import * as is from './declare.ts';
import { func, method, type Library, type Overload } from './declare.ts';

const T = types.param('T');
const listT = is.list(T);

/** Types whose values have an order, by the names that Kubernetes' overloads use. */
const COMPARABLE: Readonly<Record<string, CelType>> = {
  ...{ int: types.INT, uint: types.UINT, double: types.DOUBLE, bool: types.BOOL },
  ...{ duration: types.DURATION, timestamp: types.TIMESTAMP, string: types.STRING, bytes: types.BYTES },
};
const ZEROS: Readonly<Record<string, Value>> = { int: 0n, uint: new Uint(0n), double: 0, duration: new Duration(0n) };

function forEach(of: Readonly<Record<string, unknown>>, make: (name: string, type: CelType) => Overload): Overload[] {
  return Object.keys(of).map((name) => make(name, COMPARABLE[name] ?? types.DYN));
}

function add(a: Value, b: Value): Value {
  if (typeof a === 'bigint' && typeof b === 'bigint') return checkInt(a + b);
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (a instanceof Uint && b instanceof Uint) return checkUint(a.value + b.value);
  if (a instanceof Duration && b instanceof Duration) return new Duration(a.nanos + b.nanos);
  throw noSuchOverload();
}

function sum(list: CelList, zero: Value): Value {
  let total = zero;
  for (const item of list) total = add(total, item);
  return total;
}

function extreme(list: CelList, name: string, sign: number): Value {
  let best: Value | undefined;
  for (const item of list) {
    if (best === undefined || compare(item, best) * sign > 0) best = item;
  }
  if (best === undefined) throw new EvaluationError(`${name} called on empty list`);
  return best;
}

function isSorted(list: CelList): boolean {
  let before: Value | undefined;
  for (const item of list) {
    if (before !== undefined && compare(before, item) > 0) return false;
    before = item;
  }
  return true;
}

function indexOf(list: CelList, item: Value): bigint {
  for (let index = 0; index < list.size; index++) if (equals(list.at(index), item)) return BigInt(index);
  return -1n;
}

function lastIndexOf(list: CelList, item: Value): bigint {
  for (let index = list.size - 1; index >= 0; index--) if (equals(list.at(index), item)) return BigInt(index);
  return -1n;
}

function slice(list: CelList, start: bigint, end: bigint): CelList {
  const refuse = (why: string) => new EvaluationError(`cannot slice(${start}, ${end}), ${why}`);
  if (start < 0n || end < 0n) throw refuse('negative indexes not supported');
  if (start > end) throw refuse('start index must be less than or equal to end index');
  if (end > BigInt(list.size)) throw refuse(`list is length ${list.size}`);
  return new ArrayList([...list].slice(Number(start), Number(end)));
}

function flatten(list: CelList, depth: bigint): CelList {
  if (depth < 0n) throw new EvaluationError('level must be non-negative');
  const items: Value[] = [];
  const collect = (from: CelList, left: bigint) => {
    for (const item of from) {
      if (item instanceof CelList && left > 0n) collect(item, left - 1n);
      else items.push(item);
    }
  };
  collect(list, depth);
  return new ArrayList(items);
}

function distinct(list: CelList): CelList {
  const items: Value[] = [];
  for (const item of list) if (!items.some((one) => equals(item, one))) items.push(item);
  return new ArrayList(items);
}

function sortByKeys(list: CelList, keys: CelList): CelList {
  if (list.size !== keys.size)
    throw new EvaluationError(
      `@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got ${list.size} and ${keys.size} elements respectively`,
    );
  const [first] = keys;
  const pairs = Array.from(list, (item, index) => [keys.at(index), item] as const);
  if (first !== undefined && pairs.length > 1 && pairs.some(([key]) => typeNameOf(key) !== typeNameOf(first)))
    throw new EvaluationError('list elements must have the same type');
  return new ArrayList(pairs.sort(([a], [b]) => compare(a, b)).map(([, item]) => item));
}

/** Longer than any evaluation may take. */
const MAX_RANGE = 1_000_000n;

function range(count: bigint): CelList {
  if (count > MAX_RANGE) throw new EvaluationError(`lists.range(${count}) is too long`);
  return new ArrayList(Array.from({ length: Math.max(0, Number(count)) }, (_, index) => BigInt(index)));
}

function unwrap(list: CelList): CelList {
  const items: Value[] = [];
  for (const item of list) {
    if (!(item instanceof Optional)) throw noSuchOverload();
    if (item.value !== undefined) items.push(item.value);
  }
  return new ArrayList(items);
}

const optionalAt = (list: CelList, index: number) => new Optional(list.size === 0 ? undefined : list.at(index));

/** Kubernetes' lists, version 3 of cel-go's extension, and what optionals add. */
export const lists: Library = {
  isSorted: forEach(COMPARABLE, (name, type) =>
    method(`list_${name}_is_sorted_bool`, [is.list(type)], types.BOOL, isSorted),
  ),
  sum: forEach(ZEROS, (name, type) =>
    method(`list_${name}_sum_${name}`, [is.list(type)], type, (list: CelList) => sum(list, ZEROS[name] ?? 0n)),
  ),
  max: forEach(COMPARABLE, (name, type) =>
    method(`list_${name}_max_${name}`, [is.list(type)], type, (list: CelList) => extreme(list, 'max', 1)),
  ),
  min: forEach(COMPARABLE, (name, type) =>
    method(`list_${name}_min_${name}`, [is.list(type)], type, (list: CelList) => extreme(list, 'min', -1)),
  ),
  indexOf: [method('list_a_index_of_int', [listT, is.anything(T)], types.INT, indexOf)],
  lastIndexOf: [method('list_a_last_index_of_int', [listT, is.anything(T)], types.INT, lastIndexOf)],
  slice: [method('list_slice', [listT, is.INT, is.INT], types.listOf(T), slice)],
  flatten: [
    method('list_flatten', [is.list(types.listOf(T))], types.listOf(T), (list: CelList) => flatten(list, 1n)),
    method('list_flatten_int', [is.list(types.DYN), is.INT], types.listOf(types.DYN), flatten),
  ],
  sort: forEach(COMPARABLE, (_name, type) =>
    method(`list_${type.name}_sort`, [is.list(type)], types.listOf(type), (list: CelList) => sortByKeys(list, list)),
  ),
  '@sortByAssociatedKeys': forEach(COMPARABLE, (_name, type) =>
    method(`list_${type.name}_sortByAssociatedKeys`, [listT, is.list(type)], types.listOf(T), sortByKeys),
  ),
  'lists.range': [func('lists_range', [is.INT], types.listOf(types.INT), range)],
  reverse: [method('list_reverse', [listT], types.listOf(T), (list: CelList) => new ArrayList([...list].reverse()))],
  distinct: [method('list_distinct', [listT], types.listOf(T), distinct)],
  first: [method('list_first', [listT], types.optionalOf(T), (list: CelList) => optionalAt(list, 0))],
  last: [method('list_last', [listT], types.optionalOf(T), (list: CelList) => optionalAt(list, list.size - 1))],
  'optional.unwrap': [func('optional_unwrap', [is.list(types.optionalOf(T))], types.listOf(T), unwrap)],
  unwrapOpt: [method('optional_unwrapOpt', [is.list(types.optionalOf(T))], types.listOf(T), unwrap)],
};

const contains = (list: CelList, part: CelList) => [...part].every((item) => indexOf(list, item) >= 0n);
const intersects = (list: CelList, other: CelList) => [...other].some((item) => indexOf(list, item) >= 0n);

/** cel-go's sets extension. */
export const sets: Library = {
  'sets.contains': [func('list_sets_contains_list', [listT, listT], types.BOOL, contains)],
  'sets.intersects': [func('list_sets_intersects_list', [listT, listT], types.BOOL, intersects)],
  'sets.equivalent': [
    func(
      'list_sets_equivalent_list',
      [listT, listT],
      types.BOOL,
      (a: CelList, b: CelList) => contains(a, b) && contains(b, a),
    ),
  ],
};
