import type { Expr } from '../syntax/ast.ts';
import type { CelType } from '../types/type.ts';
import { UNKNOWN, type Range } from './range.ts';

/** An argument of a call whose cost is estimated. */
export interface CostNode {
  expr: Expr;
  type: CelType;
  /** From a variable through the schema: `self`, `spec`, `@items`; undefined when it comes from elsewhere. */
  path: readonly string[] | undefined;
  /** As far as the expression itself says it. */
  size: Range | undefined;
}

/** The size of what lies at a path, by the schema; undefined when the schema does not say. */
export type SizeAt = (path: readonly string[]) => Range | undefined;

/** What a call costs, with its arguments; and the size of its result when that is known. */
export interface CallEstimate {
  cost: Range;
  size?: Range | undefined;
}

/** The size of `node`, or everything between nothing and infinity. */
export function sizeOf(node: CostNode, sizeAt: SizeAt): Range {
  return node.size ?? (node.path === undefined ? undefined : sizeAt(node.path)) ?? UNKNOWN;
}
