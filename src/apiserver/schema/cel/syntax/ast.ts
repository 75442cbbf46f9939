import type { Value } from '../values/value.ts';

/** A node of the syntax tree of an expression; macros are expanded already. */
export type Expr = Literal | Ident | Select | Call | ListExpr | MapExpr | Fold;

interface Node {
  /** Where it stands: index of a character of the source. Of an operator, a selection or a call: of its sign. */
  pos: number;
}

/** `1`, `"a"`, `true`. */
export interface Literal extends Node {
  kind: 'literal';
  value: Value;
}

/** A variable or the name of a type. */
export interface Ident extends Node {
  kind: 'ident';
  name: string;
}

/** `operand.field`, and with `testOnly` has(operand.field). */
export interface Select extends Node {
  kind: 'select';
  operand: Expr;
  field: string;
  testOnly: boolean;
}

/** A call of a function or, with `target`, of a method; operators are functions such as `_+_`. */
export interface Call extends Node {
  kind: 'call';
  name: string;
  target: Expr | undefined;
  args: Expr[];
}

/** `[a, ?b]`. */
export interface ListExpr extends Node {
  kind: 'list';
  elements: Expr[];
  /** Indexes of the elements that are written with `?`. */
  optional: ReadonlySet<number>;
}

/** `{a: b, ?c: d}`. */
export interface MapExpr extends Node {
  kind: 'map';
  entries: MapEntry[];
}

/** One `key: value` of a map. */
export interface MapEntry {
  key: Expr;
  value: Expr;
  optional: boolean;
}

/**
 * What macros become: goes through `range`, starting with `accuInit` and replacing it by `step` while `condition` holds,
 * then is `result`. With an empty `range` it binds `accuVar` in `result`.
 */
export interface Fold extends Node {
  kind: 'fold';
  range: Expr;
  /** An item of a list or a key of a map; with `iterVar2` the index of the item. */
  iterVar: string;
  /** With two variables: the item, or the value of the map. */
  iterVar2: string | undefined;
  accuVar: string;
  accuInit: Expr;
  condition: Expr;
  step: Expr;
  result: Expr;
}

/** The name of the accumulator in folds of macros; no identifier of users can be like it. */
export const ACCUMULATOR = '@result';

/** The expressions directly below `expr`. */
export function childrenOf(expr: Expr): Expr[] {
  switch (expr.kind) {
    case 'literal':
    case 'ident':
      return [];
    case 'select':
      return [expr.operand];
    case 'call':
      return expr.target === undefined ? expr.args : [expr.target, ...expr.args];
    case 'list':
      return expr.elements;
    case 'map':
      return expr.entries.flatMap((entry) => [entry.key, entry.value]);
    case 'fold':
      return [expr.range, expr.accuInit, expr.condition, expr.step, expr.result];
  }
}
