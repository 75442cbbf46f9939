import { CIDR, IP } from '../values/address.ts';
import { FORMAT } from '../values/namedFormat.ts';
import { QUANTITY } from '../values/quantity.ts';
import { SEMVER } from '../values/semver.ts';
import { URL_TYPE } from '../values/url.ts';
import { sizeOf, type CallEstimate, type CostNode, type SizeAt } from './node.ts';
import { exactly, product, scaled, sum, union, type Range } from './range.ts';

/**
 * What calls of Kubernetes' and cel-go's libraries cost at most, without their arguments. Which CRDs are admitted depends
 * on it. Source: k8s.io/apiserver pkg/cel/library/cost.go, cel-go ext/lists.go and ext/sets.go.
 */

/**
 *
 */
/** A call, with one of the overloads that it may mean. */
export interface EstimateContext {
  overload: string;
  target: CostNode | undefined;
  args: readonly CostNode[];
  sizeAt: SizeAt;
}

type Estimate = (context: EstimateContext) => CallEstimate | undefined;

const TEXT = 0.1;
const PATTERN = 0.25;
const ONE: CallEstimate = { cost: exactly(1) };
const MAX_FORMAT_SIZE = 64;
const MAX_FORMAT_PATTERN = 128;
/** Bytes of an address. */
const ADDRESS: Range = { min: 4, max: 16 };

const always: Estimate = () => ONE;

function argSize({ args, sizeAt }: EstimateContext, index: number): Range | undefined {
  const node = args[index];
  return node && sizeOf(node, sizeAt);
}

function targetSize({ target, sizeAt }: EstimateContext): Range | undefined {
  return target && sizeOf(target, sizeAt);
}

/** Reads its first argument `times` times. */
const scanArg =
  (times = 1): Estimate =>
  (context) => {
    const size = argSize(context, 0);
    return size && { cost: scaled(size, times * TEXT) };
  };

const url: Estimate = (context) => {
  const size = argSize(context, 0);
  return size && { cost: scaled(size, TEXT), size };
};

const scanTarget: Estimate = (context) => {
  const size = targetSize(context);
  return size && { cost: scaled(size, TEXT), size };
};

/** Compares every item of a list. */
const traverse: Estimate = (context) => {
  const { target, sizeAt } = context;
  const size = targetSize(context);
  if (target === undefined || size === undefined) return undefined;
  const item = itemOf(target);
  if (item === undefined) return { cost: scaled(size, TEXT) };
  const text = item.type.kind === 'string' || item.type.kind === 'bytes';
  return { cost: product(size, text ? sum(exactly(1), scaled(sizeOf(item, sizeAt), TEXT)) : exactly(1)) };
};

function itemOf(list: CostNode): CostNode | undefined {
  const [type] = list.type.params;
  return type && { expr: list.expr, type, path: list.path && [...list.path, '@items'], size: undefined };
}

const replace: Estimate = (context) => {
  const [text, from, to] = [targetSize(context), argSize(context, 0), argSize(context, 1)];
  if (text === undefined || from === undefined || to === undefined) return undefined;
  const longest = replaced(text.max, from.min, from.min > 0 && to.max <= from.min);
  const shortest = replaced(text.min, from.max, from.max > 0 && from.max <= to.min);
  const size = sum(product({ min: shortest.count, max: longest.count }, to), { min: shortest.kept, max: longest.kept });
  return { cost: scaled(text, 2 * TEXT), size };
};

/** How many replacements there can be, and how much of the text stays. */
function replaced(text: number, part: number, sameLength: boolean): { count: number; kept: number } {
  if (part === 0) return { count: text + 1, kept: text };
  return sameLength ? { count: 0, kept: text } : { count: Math.ceil(text / part), kept: 0 };
}

const split: Estimate = (context) => {
  const size = targetSize(context);
  const limit = literalInt(context.args[1]);
  return size && { cost: scaled(size, 2 * TEXT), size: { min: 0, max: limit ?? size.max } };
};

const join: Estimate = (context) => {
  const { target, sizeAt } = context;
  const count = targetSize(context);
  if (target === undefined || count === undefined) return undefined;
  const item = itemOf(target);
  const items = item === undefined ? exactly(0) : product(count, sizeOf(item, sizeAt));
  const separator = argSize(context, 0);
  const between = { min: Math.max(0, count.min - 1), max: Math.max(0, count.max - 1) };
  const size = separator === undefined ? items : sum(items, product(separator, between));
  return { cost: scaled(size, TEXT), size };
};

const find: Estimate = (context) => {
  const [text, pattern] = [targetSize(context), argSize(context, 0)];
  if (text === undefined || pattern === undefined) return undefined;
  const cost = product(scaled(sum(text, exactly(1)), TEXT), scaled(pattern, PATTERN));
  return { cost, size: { min: 0, max: text.max } };
};

const contains =
  (network: boolean): Estimate =>
  (context) => {
    const size = argSize(context, 0);
    if (size === undefined) return undefined;
    const compare = scaled(sum(ADDRESS, ADDRESS), TEXT);
    const mask = network ? sum(scaled(ADDRESS, TEXT), exactly(1)) : exactly(0);
    const parse = context.overload.endsWith('_string') ? scaled(size, TEXT) : exactly(0);
    return { cost: sum(compare, mask, parse) };
  };

const validate: Estimate = (context) => {
  const size = argSize(context, 0);
  return size && { cost: scaled(scaled(size, TEXT), MAX_FORMAT_PATTERN * PATTERN) };
};

const equality: Estimate = ({ args }) => {
  const [a, b] = args;
  if (a === undefined || b === undefined || a.type.kind !== b.type.kind || a.type.name !== b.type.name)
    return undefined;
  const { name } = a.type;
  if ([IP, CIDR, QUANTITY, SEMVER].some((type) => type.name === name)) return ONE;
  if (name === FORMAT.name) return { cost: scaled({ min: 1, max: MAX_FORMAT_SIZE }, TEXT) };
  if (name !== URL_TYPE.name) return undefined;
  return { cost: scaled({ min: 1, max: b.size === undefined ? 1 : union(b.size, b.size).max }, TEXT) };
};

const BY_FUNCTION: Readonly<Record<string, Estimate>> = {
  ...{ isSorted: traverse, sum: traverse, max: traverse, min: traverse, indexOf: traverse, lastIndexOf: traverse },
  ...{ url, lowerAscii: scanTarget, upperAscii: scanTarget, substring: scanTarget, trim: scanTarget },
  ...{ replace, split, join, find, findAll: find, validate, 'format.named': always },
  ...{ cidr: scanArg(), isIP: scanArg(), isCIDR: scanArg(), 'ip.isCanonical': scanArg(2) },
  ...{ quantity: scanArg(), isQuantity: scanArg(), semver: scanArg(), isSemver: scanArg() },
  ip: (context) => (context.overload === 'cidr_ip' ? ONE : scanArg()(context)),
  ...{ masked: always, prefixLength: always, family: always, isUnspecified: always, isLoopback: always },
  ...{ isLinkLocalMulticast: always, isLinkLocalUnicast: always, isGlobalUnicast: always },
  ...{ containsIP: contains(false), containsCIDR: contains(true) },
  ...{ sign: always, asInteger: always, isInteger: always, asApproximateFloat: always, isGreaterThan: always },
  ...{ isLessThan: always, compareTo: always, add: always, sub: always, major: always, minor: always, patch: always },
  ...{ getScheme: always, getHostname: always, getHost: always, getPort: always, getEscapedPath: always },
  ...{ getQuery: always, '_==_': equality },
};

/** Makes a list of that size. */
function newList(size: Range, factor = 1): CallEstimate {
  return { cost: sum(scaled(size, factor), exactly(11)), size };
}

const selfCompare = (size: Range | undefined, text: boolean) =>
  size && newList(product(size, size), text ? 2 + TEXT : 2);

const sets =
  (factor: number): Estimate =>
  (context) => {
    const [a, b] = [argSize(context, 0), argSize(context, 1)];
    return a && b && { cost: sum(scaled(product(a, b), factor), exactly(1)) };
  };

const slice: Estimate = (context) => {
  const size = targetSize(context);
  if (size === undefined) return undefined;
  const length = (literalInt(context.args[1]) ?? size.max) - (literalInt(context.args[0]) ?? 0);
  return newList(exactly(length < 0 ? 2 ** 64 : length));
};

const flatten: Estimate = (context) => {
  const size = targetSize(context);
  const depth = context.args.length === 0 ? 1 : (literalInt(context.args[0]) ?? 2 ** 64);
  return size && newList(size, depth);
};

const reverse: Estimate = (context) => {
  const size = targetSize(context);
  return size && newList(size);
};

const BY_OVERLOAD: Readonly<Record<string, Estimate>> = {
  ...{ list_slice: slice, list_flatten: flatten, list_flatten_int: flatten, list_reverse: reverse },
  lists_range: ({ args }) => newList(exactly(literalInt(args[0]) ?? 2 ** 64)),
  list_distinct: (context) => selfCompare(targetSize(context), false),
  list_sets_contains_list: sets(1),
  list_sets_intersects_list: sets(1),
  list_sets_equivalent_list: sets(2),
};

/** A constant of the expression, not below 0. */
function literalInt(node: CostNode | undefined): number | undefined {
  const value = node?.expr.kind === 'literal' ? node.expr.value : undefined;
  return typeof value === 'bigint' ? Math.max(0, Number(value)) : undefined;
}

/** undefined = the library says nothing about this call. */
export function libraryEstimate(name: string, context: EstimateContext): CallEstimate | undefined {
  const { overload } = context;
  const sorted = /^list_(\w+)_sort(ByAssociatedKeys)?$/.exec(overload);
  if (sorted !== null) {
    const text = sorted[1] === 'string' || sorted[1] === 'bytes';
    return selfCompare(sorted[2] === undefined ? targetSize(context) : argSize(context, 0), text);
  }
  return own(BY_OVERLOAD, overload)?.(context) ?? own(BY_FUNCTION, name)?.(context);
}

function own(table: Readonly<Record<string, Estimate>>, key: string): Estimate | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
