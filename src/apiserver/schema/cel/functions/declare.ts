import * as types from '../types/type.ts';
import type { CelType } from '../types/type.ts';
import { CelList } from '../values/list.ts';
import { CelMap } from '../values/map.ts';
import { Uint } from '../values/numbers.ts';
import { Duration, Timestamp } from '../values/time.ts';
import { Optional, typeNameOf, type Value } from '../values/value.ts';

/** One signature of a function. */
export interface Overload {
  /** As cel-go or Kubernetes names it; costs go by it. */
  id: string;
  /** Called as `target.name(…)`; the target is the first argument. */
  member: boolean;
  args: readonly CelType[];
  result: CelType;
  /** Which values it takes at run time, argument by argument. */
  takes: readonly ((value: Value) => boolean)[];
  /** @throws EvaluationError  when there is no result. */
  call: (...args: readonly Value[]) => Value;
}

/** The functions of one library: their signatures by name. */
export type Library = Readonly<Record<string, readonly Overload[]>>;

/** A type of arguments, and how to recognize its values. */
export interface Arg<T extends Value> {
  type: CelType;
  is(value: Value): value is T;
}

/** An argument that is an instance of `of`. */
export function instance<T extends Value>(type: CelType, of: abstract new (...args: never[]) => T): Arg<T> {
  return { type, is: (value): value is T => value instanceof of };
}

function isValue(value: Value | undefined): value is Value {
  return value !== undefined;
}

/** An argument of any value; its type says only what the checker needs. */
export function anything(type: CelType): Arg<Value> {
  return { type, is: isValue };
}

export const BOOL: Arg<boolean> = { type: types.BOOL, is: (value) => typeof value === 'boolean' };
export const BYTES = instance(types.BYTES, Uint8Array);
export const DOUBLE: Arg<number> = { type: types.DOUBLE, is: (value) => typeof value === 'number' };
export const DURATION = instance(types.DURATION, Duration);
export const INT: Arg<bigint> = { type: types.INT, is: (value) => typeof value === 'bigint' };
export const STRING: Arg<string> = { type: types.STRING, is: (value) => typeof value === 'string' };
export const TIMESTAMP = instance(types.TIMESTAMP, Timestamp);
export const UINT = instance(types.UINT, Uint);

/** A list whose items the checker knows as `element`; at run time its first item tells. */
export function list(element: CelType): Arg<CelList> {
  const is = (value: Value): value is CelList =>
    value instanceof CelList && (value.size === 0 || isA(element, value.at(0)));
  return { type: types.listOf(element), is };
}

function isA({ kind, name }: CelType, value: Value): boolean {
  return kind === 'param' || kind === 'dyn' || name === typeNameOf(value);
}

/** A map whose keys and values the checker knows as these. */
export function map(key: CelType, value: CelType): Arg<CelMap> {
  return instance(types.mapOf(key, value), CelMap);
}

/** An optional whose value the checker knows as `element`. */
export function optional(element: CelType): Arg<Optional> {
  return instance(types.optionalOf(element), Optional);
}

type Args<T extends readonly Value[]> = { readonly [K in keyof T]: T[K] extends Value ? Arg<T[K]> : never };

/** A signature of a function that is called as `name(…)`. */
export function func<T extends readonly Value[]>(
  id: string,
  args: Args<T>,
  result: CelType,
  call: (...args: T) => Value,
): Overload {
  const all: readonly Arg<Value>[] = args;
  return {
    id,
    member: false,
    args: all.map((arg) => arg.type),
    result,
    takes: all.map((arg) => (value) => arg.is(value)),
    call: call as unknown as Overload['call'],
  };
}

/** A signature of a function that is called as `target.name(…)`. */
export function method<T extends readonly Value[]>(
  id: string,
  args: Args<T>,
  result: CelType,
  call: (...args: T) => Value,
): Overload {
  return { ...func(id, args, result, call), member: true };
}
