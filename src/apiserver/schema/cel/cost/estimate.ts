import {
  ACCUMULATOR,
  type Call,
  type Expr,
  type Fold,
  type ListExpr,
  type MapExpr,
  type Select,
} from '../syntax/ast.ts';
import type { Checked } from '../types/environment.ts';
import type { CelType } from '../types/type.ts';
import { textSize } from '../values/size.ts';
import type { Value } from '../values/value.ts';
import { libraryEstimate } from './libraryEstimates.ts';
import type { CallEstimate, CostNode, SizeAt } from './node.ts';
import { exactly, product, sum, UNKNOWN, union, ZERO, type Range } from './range.ts';
import { standardEstimate } from './standardEstimates.ts';

const ONE = exactly(1);
const NEW_LIST = exactly(10);
const NEW_MAP = exactly(30);

/**
 * The most that evaluating a checked expression can cost on values that fit the schema. Source: cel-go checker/cost.go.
 * @param sizeAt  What the schema says of sizes.
 */
export function estimateCost(checked: Checked<Expr>, sizeAt: SizeAt): number {
  return new Estimator(checked, sizeAt).cost(checked.expr).max;
}

/** Sizes of what is in a list or a map. */
interface Entries {
  container: 'list' | 'map';
  key: Range;
  value: Range;
}

interface Local {
  path: readonly string[];
  size: Range | undefined;
  entries: Entries | undefined;
}

class Estimator {
  readonly #checked: Checked<Expr>;
  readonly #sizeAt: SizeAt;
  readonly #paths = new Map<Expr, readonly string[]>();
  readonly #sizes = new Map<Expr, Range>();
  readonly #entries = new Map<Expr, Entries>();
  readonly #locals: { name: string; local: Local }[] = [];

  constructor(checked: Checked<Expr>, sizeAt: SizeAt) {
    this.#checked = checked;
    this.#sizeAt = sizeAt;
  }

  cost(expr: Expr): Range {
    switch (expr.kind) {
      case 'literal':
        return ZERO;
      case 'ident':
        return this.#variable(expr, expr.name);
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'fold':
        return isBinding(expr) ? this.#binding(expr) : this.#loop(expr);
    }
  }

  #variable(expr: Expr, name: string): Range {
    this.#paths.set(expr, this.#local(name)?.path ?? [name]);
    return ONE;
  }

  #select(expr: Select): Range {
    const name = this.#checked.nameOf(expr);
    if (name !== undefined) return this.#variable(expr, name);
    const operand = this.cost(expr.operand);
    if (expr.testOnly) return operand;
    this.#paths.set(expr, [...this.#path(expr.operand), expr.field]);
    const selects = ['map', 'struct', 'param'].includes(this.#type(expr.operand).kind);
    return selects ? sum(operand, ONE) : operand;
  }

  #call(expr: Call): Range {
    const name = this.#checked.nameOf(expr) ?? expr.name.replace(/^\./, '');
    const [only] = expr.args;
    if (name === 'dyn' && only !== undefined) return this.#dyn(expr, only);
    const costs = expr.args.map((arg) => this.cost(arg));
    const args = expr.args.map((arg) => this.#node(arg));
    const target = this.#checked.nameOf(expr) === undefined ? expr.target : undefined;
    const targetCost = target === undefined ? ZERO : this.cost(target);
    const call = { target: target && this.#node(target), args, costs };
    let total: Range | undefined;
    let size: Range | undefined;
    for (const overload of this.#checked.overloadsOf(expr)) {
      const estimate = this.#overload(expr, name, { ...call, overload });
      total = either(total, estimate.cost);
      size = this.#indexed(expr, overload, either(size, estimate.size));
    }
    this.#setSize(expr, size);
    return sum(targetCost, total ?? ZERO);
  }

  #dyn(expr: Call, arg: Expr): Range {
    const cost = this.cost(arg);
    this.#copySizes(expr, arg);
    return sum(ONE, cost);
  }

  #overload(
    expr: Call,
    name: string,
    call: { overload: string; target: CostNode | undefined; args: readonly CostNode[]; costs: readonly Range[] },
  ): CallEstimate {
    const { overload, args, costs } = call;
    const library = libraryEstimate(name, { ...call, sizeAt: this.#sizeAt });
    if (library !== undefined) return { cost: sum(library.cost, ...costs), size: library.size };
    const [first, second, third] = args.map((arg) => this.#entriesOf(arg.expr));
    if (overload === 'conditional') this.#setEntries(expr, joinEntries(second, third));
    if (overload.startsWith('add_') && args.length === 2) this.#setEntries(expr, joinEntries(first, second));
    return standardEstimate(overload, call);
  }

  /** `a[0]` leads further along the path. */
  #indexed(expr: Call, overload: string, size: Range | undefined): Range | undefined {
    const [container] = expr.args;
    const step = overload === 'index_list' ? '@items' : overload === 'index_map' ? '@values' : undefined;
    if (container === undefined || step === undefined) return size ?? this.#size(expr);
    const entries = this.#entriesOf(container);
    this.#paths.set(expr, [...this.#path(container), step]);
    return entries?.value ?? this.#size(expr);
  }

  #list(expr: ListExpr): Range {
    const costs = expr.elements.map((element) => this.cost(element));
    const value = expr.elements.map((element) => this.#size(element) ?? UNKNOWN).reduce(union, NOTHING);
    this.#entries.set(expr, { container: 'list', key: ONE, value: expr.elements.length === 0 ? ZERO : value });
    return sum(...costs, NEW_LIST);
  }

  #map(expr: MapExpr): Range {
    const costs = expr.entries.map(({ key, value }) => sum(this.cost(key), this.cost(value)));
    const sizes = (part: 'key' | 'value') =>
      expr.entries.length === 0
        ? ZERO
        : expr.entries.map((entry) => this.#size(entry[part]) ?? UNKNOWN).reduce(union, NOTHING);
    this.#entries.set(expr, { container: 'map', key: sizes('key'), value: sizes('value') });
    return sum(...costs, NEW_MAP);
  }

  #loop(expr: Fold): Range {
    const range = this.cost(expr.range);
    const init = this.cost(expr.accuInit);
    this.#bind(expr.accuVar, expr.accuInit);
    const variables = this.#pushIterated(expr);
    const step = sum(this.cost(expr.condition), this.cost(expr.step));
    this.#locals.length -= variables;
    const result = this.cost(expr.result);
    this.#locals.pop();
    const times = this.#size(expr.range) ?? UNKNOWN;
    this.#sizeOfLoop(expr, times);
    return sum(range, init, result, product(times, step));
  }

  #sizeOfLoop(expr: Fold, times: Range): void {
    const { accuInit, step } = expr;
    if (accuInit.kind === 'literal') this.#setSize(expr, this.#size(accuInit));
    if (accuInit.kind !== 'list' && accuInit.kind !== 'map') return;
    this.#setSize(expr, times);
    this.#setEntries(expr, this.#entriesOf(step));
  }

  /** @returns how many variables there are. */
  #pushIterated({ range, iterVar, iterVar2 }: Fold): number {
    const entries = this.#entriesOf(range);
    const isList = (entries?.container ?? this.#type(range).kind) === 'list';
    const path = this.#path(range);
    const push = (name: string, step: string, size: Range | undefined) =>
      this.#locals.push({ name, local: { path: [...path, step], size, entries: undefined } });
    const [keys, values] = isList ? ['@indices', '@items'] : ['@keys', '@values'];
    if (iterVar2 !== undefined) {
      push(iterVar, keys, entries?.key);
      push(iterVar2, values, entries?.value);
      return 2;
    }
    if (isList) push(iterVar, values, entries?.value);
    else push(iterVar, keys, entries?.key);
    return 1;
  }

  #binding(expr: Fold): Range {
    const range = this.cost(expr.range);
    const init = this.cost(expr.accuInit);
    this.#bind(expr.accuVar, expr.accuInit);
    const result = this.cost(expr.result);
    this.#locals.pop();
    this.#copySizes(expr, expr.result);
    return sum(range, init, result);
  }

  #bind(name: string, value: Expr): void {
    const local = { path: this.#path(value), size: this.#size(value), entries: this.#entriesOf(value) };
    this.#locals.push({ name, local });
  }

  #local(name: string): Local | undefined {
    return this.#locals.findLast((one) => one.name === name)?.local;
  }

  #type(expr: Expr): CelType {
    return this.#checked.typeOf(expr);
  }

  #path(expr: Expr): readonly string[] {
    const local = expr.kind === 'ident' ? this.#local(expr.name) : undefined;
    return local?.path ?? this.#paths.get(expr) ?? [];
  }

  #node(expr: Expr): CostNode {
    const path = this.#path(expr);
    const hidden = path.length === 0 || path[0] === ACCUMULATOR || path[0] === '__result__';
    return { expr, type: this.#type(expr), path: hidden ? undefined : path, size: this.#size(expr) };
  }

  #size(expr: Expr): Range | undefined {
    const known = this.#sizes.get(expr) ?? literalSize(expr);
    if (known !== undefined) return known;
    const path = this.#path(expr);
    const declared = path.length === 0 ? undefined : this.#sizeAt(path);
    if (declared !== undefined) {
      this.#sizes.set(expr, declared);
      return declared;
    }
    if (isScalar(this.#type(expr))) return ONE;
    return expr.kind === 'ident' ? this.#local(expr.name)?.size : undefined;
  }

  #setSize(expr: Expr, size: Range | undefined): void {
    if (size !== undefined) this.#sizes.set(expr, size);
  }

  #entriesOf(expr: Expr): Entries | undefined {
    return this.#entries.get(expr) ?? (expr.kind === 'ident' ? this.#local(expr.name)?.entries : undefined);
  }

  #setEntries(expr: Expr, entries: Entries | undefined): void {
    if (entries !== undefined) this.#entries.set(expr, entries);
  }

  #copySizes(to: Expr, from: Expr): void {
    this.#setSize(to, this.#size(from));
    this.#setEntries(to, this.#entriesOf(from));
  }
}

function either(a: Range | undefined, b: Range | undefined): Range | undefined {
  return a === undefined || b === undefined ? (a ?? b) : union(a, b);
}

/** Neutral for unions. */
const NOTHING: Range = { min: 2 ** 64, max: 0 };

function joinEntries(a: Entries | undefined, b: Entries | undefined): Entries | undefined {
  return a && b && { container: a.container, key: union(a.key, b.key), value: union(a.value, b.value) };
}

function isBinding({ range, condition, accuVar }: Fold): boolean {
  const empty = range.kind === 'list' && range.elements.length === 0;
  return empty && condition.kind === 'literal' && condition.value === false && accuVar !== '__result__';
}

function literalSize(expr: Expr): Range | undefined {
  switch (expr.kind) {
    case 'literal':
      return exactly(valueSize(expr.value));
    case 'list':
      return exactly(expr.elements.length);
    case 'map':
      return exactly(expr.entries.length);
    default:
      return undefined;
  }
}

function valueSize(value: Value): number {
  if (typeof value === 'string') return textSize(value);
  return value instanceof Uint8Array ? value.length : 1;
}

function isScalar(type: CelType): boolean {
  if (type.kind === 'opaque' && type.name === 'optional_type')
    return type.params[0] !== undefined && isScalar(type.params[0]);
  return ['bool', 'double', 'duration', 'int', 'timestamp', 'uint'].includes(type.kind);
}
