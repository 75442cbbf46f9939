import type { CallEstimate, CostNode } from './node.ts';
import { exactly, product, scaled, sum, UNKNOWN, union, type Range } from './range.ts';

/** What calls of the standard functions cost at most. Source: cel-go checker/cost.go. */

interface CallContext {
  target: CostNode | undefined;
  args: readonly CostNode[];
  /** Of the arguments, without the target. */
  costs: readonly Range[];
}

const TEXT = 0.1;
const PATTERN = 0.25;

function known(node: CostNode | undefined): Range {
  return node?.size ?? UNKNOWN;
}

type Estimate = (context: CallContext) => CallEstimate;

/** `cost` in addition to that of the arguments. */
function plus({ costs }: CallContext, cost: Range, size?: Range): CallEstimate {
  return { cost: sum(cost, ...costs), size };
}

const format: Estimate = (context) => plus(context, scaled(known(context.target), TEXT));
const affix: Estimate = (context) => plus(context, scaled(known(context.args[0]), TEXT));

const toBytes: Estimate = (context) => {
  const { min, max } = known(context.args[0]);
  return plus(context, scaled({ min, max }, TEXT), { min, max: max * 4 });
};

const toText: Estimate = (context) => {
  const { min, max } = known(context.args[0]);
  return plus(context, scaled({ min, max }, TEXT), { min: Math.floor(min / 4), max });
};

const quote: Estimate = (context) => {
  const { min, max } = known(context.args[0]);
  return plus(context, scaled({ min, max }, TEXT), { min: min + 2, max: max * 2 + 2 });
};

const inList: Estimate = (context) => plus(context, known(context.args[1]));

const matches: Estimate = (context) => {
  const text = scaled(sum(known(context.target), exactly(1)), TEXT);
  return plus(context, product(text, scaled(known(context.args[0]), PATTERN)));
};

const contains: Estimate = (context) => {
  const text = scaled(known(context.target), TEXT);
  return plus(context, product(text, scaled(known(context.args[0]), TEXT)));
};

const logical: Estimate = ({ costs }) => ({ cost: { min: costs[0]?.min ?? 0, max: sum(...costs).max } });

const conditional: Estimate = ({ args, costs }) => {
  const [condition = exactly(0), yes = exactly(0), no = exactly(0)] = costs;
  return { cost: sum(condition, union(yes, no)), size: union(known(args[1]), known(args[2])) };
};

const addList: Estimate = (context) => plus(context, exactly(1), sum(known(context.args[0]), known(context.args[1])));

const addText: Estimate = (context) => {
  const size = sum(known(context.args[0]), known(context.args[1]));
  return plus(context, scaled(size, TEXT), size);
};

const compare: Estimate = (context) => {
  const max = Math.min(known(context.args[0]).max, known(context.args[1]).max);
  return plus(context, scaled({ min: max > 0 ? 1 : 0, max }, TEXT));
};

const other: Estimate = (context) => plus(context, exactly(1));

const BY_OVERLOAD: Readonly<Record<string, Estimate>> = {
  ...{ string_format: format, string_to_bytes: toBytes, bytes_to_string: toText, strings_quote: quote },
  ...{ starts_with_string: affix, ends_with_string: affix, in_list: inList, matches_string: matches },
  ...{ contains_string: contains, logical_or: logical, logical_and: logical, conditional },
  ...{ add_string: addText, add_bytes: addText, add_list: addList, equals: compare, not_equals: compare },
  ...{ less_string: compare, less_equals_string: compare, greater_string: compare, greater_equals_string: compare },
  ...{ less_bytes: compare, less_equals_bytes: compare, greater_bytes: compare, greater_equals_bytes: compare },
};

/** Every call that no library speaks about. */
export function standardEstimate(overload: string, context: CallContext): CallEstimate {
  const estimate = Object.hasOwn(BY_OVERLOAD, overload) ? BY_OVERLOAD[overload] : undefined;
  return (estimate ?? other)(context);
}
