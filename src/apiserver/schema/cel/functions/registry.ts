import * as types from '../types/type.ts';
import type { CelType } from '../types/type.ts';
import { CIDR, IP } from '../values/address.ts';
import { addresses } from './addresses.ts';
import { conversions } from './conversions.ts';
import type { Library, Overload } from './declare.ts';
import { formats } from './formats.ts';
import { lists, sets } from './lists.ts';
import { forms, operators } from './operators.ts';
import { optionals } from './optionals.ts';
import { quantities } from './quantity.ts';
import { regex } from './regex.ts';
import { semvers } from './semver.ts';
import { strings } from './strings.ts';
import { timeParts } from './timeParts.ts';
import { urls } from './urls.ts';

const LIBRARIES: readonly Library[] = [
  ...[forms, operators, conversions, timeParts, optionals, strings, lists, sets],
  ...[regex, urls, quantities, addresses, formats, semvers],
];

/** Every function that rules may call, as Kubernetes 1.35 has them. */
export const functions: ReadonlyMap<string, readonly Overload[]> = merge();

function merge(): Map<string, Overload[]> {
  const all = new Map<string, Overload[]>();
  for (const library of LIBRARIES) {
    for (const [name, overloads] of Object.entries(library)) all.set(name, [...(all.get(name) ?? []), ...overloads]);
  }
  return all;
}

const ANY_LIST = types.listOf(types.DYN);
const ANY_MAP = types.mapOf(types.DYN, types.DYN);

/** The names of types that rules may use. */
export const typeNames: ReadonlyMap<string, CelType> = new Map([
  ...[types.BOOL, types.BYTES, types.DOUBLE, types.INT, types.NULL, types.STRING, types.UINT].map(named),
  ...[types.DURATION, types.TIMESTAMP, ANY_LIST, ANY_MAP, types.typeOf()].map(named),
  ...[types.optionalOf(types.DYN), IP, CIDR].map(named),
  ['dyn', types.DYN] as const,
]);

function named(type: CelType): readonly [string, CelType] {
  return [type.name, type];
}
