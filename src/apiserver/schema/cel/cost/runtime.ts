import { CelList } from '../values/list.ts';
import { CelMap } from '../values/map.ts';
import { NamedFormat } from '../values/namedFormat.ts';
import { Opaque, type Value } from '../values/value.ts';
import { costSize, textSize } from '../values/size.ts';

/**
 * What a call costs when it is evaluated. Source: cel-go interpreter/runtimecost.go, k8s.io/apiserver
 * pkg/cel/library/cost.go, and the trackers of cel-go's extensions.
 */

/** @param args  With the target first. */
export type CallCost = (args: readonly Value[], result: Value) => number;

const TEXT = 0.1;
const PATTERN = 0.25;
const CALL = 1;
const NEW_LIST = 10;
/** A question to the authorizer; two fit into one expression. */
const AUTHORIZATION = 350_000;

const sizeOf = (value: Value | undefined) => (value === undefined ? 1 : costSize(value));
const scan: CallCost = ([text]) => Math.ceil(sizeOf(text) * TEXT);
const scanTwice: CallCost = ([text]) => Math.ceil(sizeOf(text) * 2 * TEXT);
const pattern: CallCost = ([text, regex]) => Math.ceil((1 + sizeOf(text)) * TEXT) * Math.ceil(sizeOf(regex) * PATTERN);
const traversal: CallCost = ([list]) => (list === undefined ? 0 : traverse(list));
const shorter: CallCost = ([a, b]) => Math.ceil(Math.min(sizeOf(a), sizeOf(b)) * TEXT);
const both: CallCost = ([a, b]) => Math.ceil((sizeOf(a) + sizeOf(b)) * TEXT);
const newList = (factor: number, size: number) => Math.floor(size * factor) + CALL + NEW_LIST;
const product =
  (factor: number): CallCost =>
  ([a, b]) =>
    CALL + Math.floor(sizeOf(a) * sizeOf(b) * factor);
const resultList: CallCost = (_args, result) => newList(1, sizeOf(result));
const flattened: CallCost = ([list, depth]) => newList(depth === undefined ? 1 : Number(depth), sizeOf(list));
const compared = (list: Value | undefined) => {
  const size = sizeOf(list);
  const first = list instanceof CelList && size > 0 ? list.at(0) : undefined;
  const text = typeof first === 'string' || first instanceof Uint8Array;
  return newList(text ? 2 + TEXT : 2, size * size);
};

/** In bytes for texts, as kube counts here. */
function traverse(value: Value): number {
  if (typeof value === 'string') return Math.floor(Buffer.byteLength(value) * TEXT);
  if (value instanceof Uint8Array) return Math.floor(value.length * TEXT);
  if (value instanceof CelList) return [...value].reduce<number>((sum, item) => sum + traverse(item), 0);
  if (!(value instanceof CelMap)) return 1;
  let sum = 0;
  for (const key of value.keys()) sum += traverse(key) + traverse(value.find(key) ?? null);
  return sum;
}

function equality(args: readonly Value[], result: Value): number {
  return args[0] instanceof Opaque ? 1 : shorter(args, result);
}

function validate([format, text]: readonly Value[]): number {
  if (!(format instanceof NamedFormat) || typeof text !== 'string') return CALL;
  return Math.ceil((1 + textSize(text)) * TEXT) * Math.ceil(format.patternSize * PATTERN);
}

function containing(args: readonly Value[], network: boolean): number {
  const [cidr, other] = args;
  const own = sizeOf(cidr);
  const compare = Math.ceil(2 * own * TEXT) + (network ? Math.ceil(own * TEXT) + 1 : 0);
  return compare + (typeof other === 'string' ? Math.ceil(sizeOf(other) * TEXT) : 0);
}

/** By overload: these come first. */
const BY_OVERLOAD: Readonly<Record<string, CallCost>> = {
  ...{ list_slice: resultList, lists_range: resultList, list_reverse: resultList },
  ...{ list_flatten: flattened, list_flatten_int: flattened },
  list_distinct: ([list]) => compared(list),
  list_sets_contains_list: product(1),
  list_sets_intersects_list: product(1),
  list_sets_equivalent_list: product(2),
  cidr_ip: () => CALL,
};

/** By function, whatever the overload. */
const BY_FUNCTION: Readonly<Record<string, CallCost>> = {
  ...{
    isSorted: traversal,
    sum: traversal,
    max: traversal,
    min: traversal,
    indexOf: traversal,
    lastIndexOf: traversal,
  },
  ...{
    url: scan,
    lowerAscii: scan,
    upperAscii: scan,
    substring: scan,
    trim: scan,
    cidr: scan,
    isIP: scan,
    isCIDR: scan,
  },
  ...{ ip: scan, quantity: scan, isQuantity: scan, semver: scan, isSemver: scan, 'ip.isCanonical': scanTwice },
  ...{ replace: scanTwice, split: scanTwice, find: pattern, findAll: pattern },
  join: (_args, result) => Math.ceil(sizeOf(result) * 2 * TEXT),
  containsIP: (args) => containing(args, false),
  containsCIDR: (args) => containing(args, true),
  validate,
  check: () => AUTHORIZATION,
  '_==_': equality,
  '_!=_': shorter,
};

/** By overload: cel-go's own. */
const STANDARD: Readonly<Record<string, CallCost>> = {
  ...{ starts_with_string: scan, ends_with_string: scan, string_to_bytes: scan, bytes_to_string: scan },
  ...{ strings_quote: scan, string_format: scan, matches_string: pattern, add_string: both, add_bytes: both },
  ...{ less_string: shorter, less_equals_string: shorter, greater_string: shorter, greater_equals_string: shorter },
  ...{ less_bytes: shorter, less_equals_bytes: shorter, greater_bytes: shorter, greater_equals_bytes: shorter },
  in_list: ([, list]) => sizeOf(list),
  contains_string: ([text, part]) => Math.ceil(sizeOf(text) * TEXT) * Math.ceil(sizeOf(part) * TEXT),
};

/**
 * What calls of `name` cost; undefined = always 1.
 * @param overload  The only one that the call can mean; '' when that is open until it is called.
 */
export function callCost(name: string, overload: string): CallCost | undefined {
  if (/^list_\w+_sort$/.test(overload)) return ([list]) => compared(list);
  if (/^list_\w+_sortByAssociatedKeys$/.test(overload)) return ([, keys]) => compared(keys);
  return own(BY_OVERLOAD, overload) ?? own(BY_FUNCTION, name) ?? own(STANDARD, overload);
}

function own(table: Readonly<Record<string, CallCost>>, key: string): CallCost | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
