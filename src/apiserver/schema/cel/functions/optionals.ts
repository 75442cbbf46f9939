import * as types from '../types/type.ts';
import { EvaluationError } from '../values/errors.ts';
import { CelList } from '../values/list.ts';
import { CelMap, EntryMap } from '../values/map.ts';
import { Uint } from '../values/numbers.ts';
import { Duration } from '../values/time.ts';
import { Optional, type Value } from '../values/value.ts';
import * as is from './declare.ts';
import { func, method, type Library } from './declare.ts';

const K = types.param('K');
const V = types.param('V');
const some = is.optional(V);
const anyV = is.anything(V);
const mapKV = is.map(K, V);

function isZero(value: Value): boolean {
  if (value === null || value === false || value === '' || value === 0n || value === 0) return true;
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Duration) return value.nanos === 0n;
  if (value instanceof Uint8Array) return value.length === 0;
  return value instanceof Optional ? value.value === undefined : isEmpty(value);
}

function isEmpty(value: Value): boolean {
  return (value instanceof CelList || value instanceof CelMap) && value.size === 0;
}

function valueOf({ value }: Optional): Value {
  if (value === undefined) throw new EvaluationError('optional.none() dereference');
  return value;
}

/** Of the accumulator of a fold, which is a map of its own; others are copied. */
function insert(map: CelMap, key: Value, value: Value): CelMap {
  return own(map).insert(key, value);
}

function insertAll(map: CelMap, more: CelMap): CelMap {
  const result = own(map);
  for (const key of more.keys()) result.insert(key, more.find(key) ?? null);
  return result;
}

function own(map: CelMap): EntryMap {
  if (map instanceof EntryMap) return map;
  return new EntryMap(Array.from(map.keys(), (key) => [key, map.find(key) ?? null] as const));
}

/** Optional values, and what the comprehensions that make maps need. */
export const optionals: Library = {
  'optional.of': [func('optional_of', [anyV], types.optionalOf(V), (value: Value) => new Optional(value))],
  'optional.ofNonZeroValue': [
    func('optional_ofNonZeroValue', [anyV], types.optionalOf(V), (value: Value) =>
      isZero(value) ? Optional.none : new Optional(value),
    ),
  ],
  'optional.none': [func('optional_none', [], types.optionalOf(V), () => Optional.none)],
  value: [method('optional_value', [some], V, valueOf)],
  hasValue: [method('optional_hasValue', [some], types.BOOL, ({ value }: Optional) => value !== undefined)],
  'cel.@mapInsert': [
    func('@mapInsert_map_key_value', [mapKV, is.anything(K), anyV], types.mapOf(K, V), insert),
    func('@mapInsert_map_map', [mapKV, mapKV], types.mapOf(K, V), insertAll),
  ],
};
