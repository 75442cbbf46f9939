import { checkPattern } from '../../patterns.ts';
import { callCost } from '../cost/runtime.ts';
import type { Overload } from '../functions/declare.ts';
import type { Call, Expr, Fold, ListExpr, MapExpr, Select } from '../syntax/ast.ts';
import type { Checked } from '../types/environment.ts';
import { EvaluationError } from '../values/errors.ts';
import { ArrayList, CelList } from '../values/list.ts';
import { EntryMap } from '../values/map.ts';
import { noSuchOverload } from '../values/overload.ts';
import { Optional, TypeValue, type Value } from '../values/value.ts';
import { access, accessOptional, isPresent } from './access.ts';
import { callStep } from './call.ts';
import { foldStep } from './fold.ts';
import { charge, read, type Step } from './frame.ts';
import { and, conditional, notStrictlyFalse, or, optionalOr, optionalOrValue } from './logic.ts';

/** A part of an expression. */
interface Plan {
  step: Step;
  /** It is always this. */
  constant?: Value;
  /**
   * A variable or a selection: the same without the cost of its begin. In cel-go selections extend such an expression,
   * while those from other expressions begin anew and cost one more.
   */
  bare?: Step;
}

const CONVERSIONS: ReadonlySet<string> = new Set([
  ...['bool', 'bytes', 'double', 'duration', 'dyn', 'int', 'string', 'timestamp', 'type', 'uint'],
]);
const NEW_LIST = 10;
const NEW_MAP = 30;

/** Makes the steps of a checked expression. */
export class Planner {
  readonly #checked: Checked<Expr>;
  readonly #functions: ReadonlyMap<string, readonly Overload[]>;
  readonly #scopes: Map<string, number>[];
  #slots: number;

  /** @param variables  Names of the variables, in the order of their slots. */
  constructor(
    checked: Checked<Expr>,
    functions: ReadonlyMap<string, readonly Overload[]>,
    variables: readonly string[],
  ) {
    this.#checked = checked;
    this.#functions = functions;
    this.#scopes = [new Map(variables.map((name, index) => [name, index]))];
    this.#slots = variables.length;
  }

  /** @throws EvaluationError  when a constant part has no value. */
  plan(): Step {
    return this.#plan(this.#checked.expr).step;
  }

  #plan(expr: Expr): Plan {
    switch (expr.kind) {
      case 'literal':
        return constant(expr.value);
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
        return this.#fold(expr);
    }
  }

  #variable(expr: Expr, name: string): Plan {
    const known = this.#checked.nameOf(expr) ?? name;
    const slot = this.#scopes.findLast((scope) => scope.has(known))?.get(known);
    if (slot === undefined) return constant(new TypeValue(known));
    const bare: Step = (frame) => read(frame, slot);
    return { step: charged(bare), bare };
  }

  /** What a selection begins with, without and with its cost. */
  #operand(expr: Expr): { step: Step; bare: Step } {
    const { step, bare } = this.#plan(expr);
    return bare === undefined ? { step: charged(step), bare: step } : { step, bare };
  }

  #select(expr: Select): Plan {
    const name = this.#checked.nameOf(expr);
    if (name !== undefined) return this.#variable(expr, name);
    const { field, testOnly } = expr;
    const operand = this.#operand(expr.operand);
    if (testOnly) return { step: selection(operand.bare, field, isPresent) };
    return { step: selection(operand.step, field, access), bare: selection(operand.bare, field, access) };
  }

  #call(expr: Call): Plan {
    const name = this.#checked.nameOf(expr) ?? expr.name.replace(/^\./, '');
    switch (name) {
      case '_&&_':
        return { step: and(this.#steps(expr.args)) };
      case '_||_':
        return { step: or(this.#steps(expr.args)) };
      case '_?_:_':
        return this.#conditional(expr.args);
      case '@not_strictly_false':
        return { step: notStrictlyFalse(this.#steps(expr.args)) };
      case '_[_]':
        return this.#index(expr, indexed);
      case '_[?_]':
      case '_?._':
        return this.#index(expr, indexedOptional);
      default:
        return this.#function(expr, name);
    }
  }

  #steps(exprs: readonly Expr[]): Step[] {
    return exprs.map((expr) => this.#plan(expr).step);
  }

  #conditional([condition, yes, no]: readonly Expr[]): Plan {
    if (condition === undefined || yes === undefined || no === undefined) throw new EvaluationError('incomplete ?:');
    const step = conditional(this.#plan(condition).step, this.#branch(yes), this.#branch(no));
    return { step, bare: step };
  }

  /** A branch of a condition or an index: it begins nothing. */
  #branch(expr: Expr): Step {
    const { step, bare } = this.#plan(expr);
    return bare ?? step;
  }

  #index({ args }: Call, make: (operand: Step, key: Step) => Step): Plan {
    const [container, key] = args;
    if (container === undefined || key === undefined) throw new EvaluationError('index without arguments');
    const operand = this.#operand(container);
    const index = this.#branch(key);
    return { step: make(operand.step, index), bare: make(operand.bare, index) };
  }

  #function(expr: Call, name: string): Plan {
    const ids = this.#checked.overloadsOf(expr);
    const only = ids.length === 1 ? (ids[0] ?? '') : '';
    const args = this.#arguments(expr);
    const special = specialForm(only, args);
    if (special !== undefined) return special;
    checkPatternOf(name, args[1]?.constant);
    const overloads = (this.#functions.get(name) ?? []).filter((overload) => ids.includes(overload.id));
    const step = callStep({ name, overloads, args: args.map((arg) => arg.step), cost: callCost(name, only) });
    return isConversion(name, args) ? constant(step({ slots: [], cost: 0 })) : { step };
  }

  /** With the target first. */
  #arguments(expr: Call): Plan[] {
    const { target, args } = expr;
    const all = target === undefined || this.#checked.nameOf(expr) !== undefined ? args : [target, ...args];
    return all.map((arg) => this.#plan(arg));
  }

  #list(expr: ListExpr): Plan {
    const plans = expr.elements.map((element) => this.#plan(element));
    const constants = plans.flatMap(({ constant: value }) => (value === undefined ? [] : [value]));
    if (constants.length === plans.length && expr.optional.size === 0) return constant(new ArrayList(constants));
    const steps = plans.map((plan) => plan.step);
    const step: Step = (frame) => {
      const items: Value[] = [];
      steps.forEach((item, index) => {
        const value = item(frame);
        if (!expr.optional.has(index)) items.push(value);
        else if (!(value instanceof Optional)) throw noSuchOverload();
        else if (value.value !== undefined) items.push(value.value);
      });
      charge(frame, NEW_LIST);
      return new ArrayList(items);
    };
    return { step };
  }

  #map(expr: MapExpr): Plan {
    const entries = expr.entries.map(({ key, value, optional }) => ({
      key: this.#plan(key),
      value: this.#plan(value),
      optional,
    }));
    const constants = entries.flatMap(({ key, value, optional }) =>
      key.constant === undefined || value.constant === undefined || optional
        ? []
        : [[key.constant, value.constant] as const],
    );
    if (constants.length === entries.length) return constant(new EntryMap(constants));
    const step: Step = (frame) => {
      const pairs: (readonly [Value, Value])[] = [];
      for (const { key, value, optional } of entries) {
        const pair = [key.step(frame), value.step(frame)] as const;
        if (!optional) pairs.push(pair);
        else if (!(pair[1] instanceof Optional)) throw noSuchOverload();
        else if (pair[1].value !== undefined) pairs.push([pair[0], pair[1].value]);
      }
      charge(frame, NEW_MAP);
      return new EntryMap(pairs);
    };
    return { step };
  }

  #fold(expr: Fold): Plan {
    const range = this.#plan(expr.range).step;
    const accuInit = this.#plan(expr.accuInit).step;
    const accu = this.#slots++;
    this.#scopes.push(new Map([[expr.accuVar, accu]]));
    const first = this.#slots++;
    const second = expr.iterVar2 === undefined ? undefined : this.#slots++;
    this.#scopes.push(new Map([[expr.iterVar, first]]));
    if (expr.iterVar2 !== undefined && second !== undefined) this.#scopes.at(-1)?.set(expr.iterVar2, second);
    const endless = expr.condition.kind === 'literal' && expr.condition.value === true;
    const condition = endless ? undefined : this.#plan(expr.condition).step;
    const step = this.#plan(expr.step).step;
    this.#scopes.pop();
    const result = this.#plan(expr.result).step;
    this.#scopes.pop();
    return { step: foldStep({ range, accuInit, condition, step, result, slots: { accu, first, second } }) };
  }
}

/** A conversion of a constant, which happens once. */
function isConversion(name: string, args: readonly Plan[]): boolean {
  return CONVERSIONS.has(name) && args.length === 1 && args[0]?.constant !== undefined;
}

/** The calls that do not evaluate all of their arguments, or none of them again. */
function specialForm(overload: string, [first, second]: readonly Plan[]): Plan | undefined {
  if (first === undefined || second === undefined) return undefined;
  if (overload === 'optional_or_optional') return { step: optionalOr(first.step, second.step) };
  if (overload === 'optional_orValue_value') return { step: optionalOrValue(first.step, second.step) };
  return overload === 'in_list' && second.constant instanceof CelList
    ? membership(first.step, second.constant)
    : undefined;
}

function constant(value: Value): Plan {
  return { step: () => value, constant: value };
}

/** `step`, and one for its begin. */
function charged(step: Step): Step {
  return (frame) => {
    charge(frame, 1);
    return step(frame);
  };
}

function indexed(operand: Step, key: Step): Step {
  return (frame) => {
    const container = operand(frame);
    const index = key(frame);
    charge(frame, 1);
    return access(container, index);
  };
}

/** What is not there costs nothing. */
function indexedOptional(operand: Step, key: Step): Step {
  return (frame) => {
    const container = operand(frame);
    const found = accessOptional(container, key(frame));
    if (found.value !== undefined) charge(frame, 1);
    return found;
  };
}

function selection(operand: Step, key: Value, get: (container: Value, key: Value) => Value): Step {
  return (frame) => {
    const container = operand(frame);
    charge(frame, 1);
    return get(container, key);
  };
}

/** `x in [1, 2]` costs nothing beyond `x`. */
function membership(item: Step, list: CelList): Plan {
  if (list.size === 0) return constant(false);
  const set = new EntryMap(Array.from(list, (one) => [one, true] as const));
  return { step: (frame) => set.find(item(frame)) !== undefined };
}

/** A constant pattern that is none fails before every evaluation. */
function checkPatternOf(name: string, pattern: Value | undefined): void {
  if ((name !== 'find' && name !== 'findAll') || typeof pattern !== 'string') return;
  const problem = checkPattern(pattern);
  if (problem !== undefined) throw new EvaluationError(problem);
}
