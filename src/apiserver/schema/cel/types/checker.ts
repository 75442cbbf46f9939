import type { Call, Expr, Fold, ListExpr, MapExpr, Select } from '../syntax/ast.ts';
import { CompileError, type Issue } from '../syntax/issues.ts';
import { Uint } from '../values/numbers.ts';
import type { Value } from '../values/value.ts';
import type { Checked, Environment, Signature } from './environment.ts';
import * as types from './type.ts';
import { DYN, ERROR, typeText, type CelType } from './type.ts';
import { isAny, mostGeneral, Substitutions, unwrapOptional } from './unify.ts';

/**
 * Finds the type of every part of an expression. Source: cel-go checker/checker.go.
 * @throws CompileError  with every unknown name, every wrong type.
 */
export function check(source: string, expr: Expr, environment: Environment): Checked<Expr> {
  const checker = new Checker(environment);
  checker.check(expr);
  if (checker.issues.length > 0) throw new CompileError(source, checker.issues);
  return checker.result(expr);
}

class Checker {
  readonly issues: Issue[] = [];
  readonly #environment: Environment;
  readonly #scopes: Map<string, CelType>[] = [];
  readonly #types = new Map<Expr, CelType>();
  readonly #overloads = new Map<Expr, string[]>();
  readonly #names = new Map<Expr, string>();
  readonly #used = new Set<string>();
  readonly #known = new Substitutions();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  result(expr: Expr): Checked<Expr> {
    const resolved = new Map([...this.#types].map(([part, type]) => [part, this.#known.resolve(type, true)]));
    return {
      expr,
      typeOf: (part) => resolved.get(part) ?? DYN,
      overloadsOf: (call) => this.#overloads.get(call) ?? [],
      nameOf: (part) => this.#names.get(part),
      variables: this.#used,
    };
  }

  check(expr: Expr): CelType {
    const type = this.#typeOf(expr);
    this.#types.set(expr, type);
    return type;
  }

  #typeOf(expr: Expr): CelType {
    switch (expr.kind) {
      case 'literal':
        return literalType(expr.value);
      case 'ident':
        return this.#ident(expr, expr.name) ?? this.#undeclared(expr.pos, expr.name);
      case 'select':
        return this.#select(expr);
      case 'call':
        return expr.name === '_?._' ? this.#optionalSelect(expr) : this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'fold':
        return this.#fold(expr);
    }
  }

  #ident(expr: Expr, name: string): CelType | undefined {
    const bare = name.replace(/^\./, '');
    const local = name === bare ? this.#scopes.findLast((scope) => scope.has(name))?.get(name) : undefined;
    if (local !== undefined) return local;
    const variable = this.#environment.variables.get(bare);
    const type = this.#environment.types.get(bare);
    const found = variable ?? (type && types.typeOf(type));
    if (found !== undefined) this.#names.set(expr, bare);
    if (variable !== undefined) this.#used.add(bare);
    return found;
  }

  #select(expr: Select): CelType {
    const qualified = expr.testOnly ? undefined : qualifiedName(expr);
    const named = qualified === undefined ? undefined : this.#ident(expr, qualified);
    if (named !== undefined) return named;
    const type = this.#field(expr.operand, expr.field, { pos: expr.pos, optional: false });
    return expr.testOnly ? types.BOOL : this.#known.resolve(type, false);
  }

  #optionalSelect(expr: Call): CelType {
    const [operand, field] = expr.args;
    if (operand === undefined || field?.kind !== 'literal' || typeof field.value !== 'string') return ERROR;
    this.#types.set(field, types.STRING);
    this.#overloads.set(expr, ['select_optional_field']);
    return this.#known.resolve(this.#field(operand, field.value, { pos: expr.pos, optional: true }), false);
  }

  #field(operand: Expr, field: string, { pos, optional }: { pos: number; optional: boolean }): CelType {
    const { type, wrapped } = unwrapOptional(this.#known.resolve(this.check(operand), false));
    const result = this.#fieldOf(type, field, pos);
    return wrapped || optional ? types.optionalOf(result) : result;
  }

  #fieldOf(type: CelType, field: string, pos: number): CelType {
    switch (type.kind) {
      case 'map':
        return type.params[1] ?? DYN;
      case 'struct': {
        // names that CEL keeps for itself can be written as they are, too
        const found = type.fields?.get(field) ?? type.fields?.get(`__${field}__`);
        return found ?? this.#report(pos, `undefined field '${field}'`);
      }
      case 'param':
        this.#known.assign(DYN, type);
        return DYN;
      default:
        if (!isAny(type)) this.#report(pos, `type '${typeText(type)}' does not support field selection`);
        return DYN;
    }
  }

  #call(expr: Call): CelType {
    const args = expr.args.map((arg) => this.check(arg));
    const { target } = expr;
    if (target === undefined) return this.#resolve(expr, expr.name, args);
    const prefix = qualifiedName(target);
    const qualified = prefix === undefined ? undefined : `${prefix}.${expr.name}`;
    if (qualified !== undefined && this.#environment.functions.has(qualified)) {
      this.#names.set(expr, qualified);
      return this.#resolve(expr, qualified, args);
    }
    return this.#resolve(expr, expr.name, args, this.check(target));
  }

  #resolve(expr: Call, name: string, args: CelType[], target?: CelType): CelType {
    const signatures = this.#environment.functions.get(name.replace(/^\./, ''));
    if (signatures === undefined) return this.#undeclared(expr.pos, name);
    if (name === '_&&_' || name === '_||_') return this.#logical(expr, args, signatures);
    const all = target === undefined ? args : [target, ...args];
    const found = this.#matching(signatures, all, target !== undefined);
    if (found !== undefined) {
      this.#overloads.set(expr, found.ids);
      return found.result;
    }
    const [first = '', ...rest] = all.map((type) => typeText(this.#known.resolve(type, true)));
    const signature = target === undefined ? `(${[first, ...rest].join(', ')})` : `${first}.(${rest.join(', ')})`;
    return this.#report(expr.pos, `found no matching overload for '${name}' applied to '${signature}'`);
  }

  #matching(
    signatures: readonly Signature[],
    args: readonly CelType[],
    member: boolean,
  ): { ids: string[]; result: CelType } | undefined {
    const ids: string[] = [];
    let result: CelType | undefined;
    for (const signature of signatures) {
      if (signature.member !== member) continue;
      const [own = DYN, ...expected] = this.#known.instantiate([signature.result, ...signature.args]);
      if (!this.#known.assignAll(args, expected)) continue;
      ids.push(signature.id);
      const type = this.#known.resolve(own, false);
      if (result === undefined) result = type;
      else if (result.kind !== 'dyn' && !types.sameType(result, type)) result = DYN;
    }
    return result && { ids, result };
  }

  #logical(expr: Call, args: readonly CelType[], signatures: readonly Signature[]): CelType {
    this.#overloads.set(
      expr,
      signatures.map((one) => one.id),
    );
    const wrong = expr.args.filter((arg, index) => !this.#expect(arg, types.BOOL, args[index] ?? DYN));
    return wrong.length === 0 ? types.BOOL : ERROR;
  }

  #list(expr: ListExpr): CelType {
    let joined: CelType | undefined;
    expr.elements.forEach((element, index) => {
      const type = this.check(element);
      joined = this.#join(joined, expr.optional.has(index) ? this.#unwrapped(element, type) : type);
    });
    return types.listOf(joined ?? this.#known.fresh());
  }

  #map(expr: MapExpr): CelType {
    let keys: CelType | undefined;
    let values: CelType | undefined;
    for (const { key, value, optional } of expr.entries) {
      keys = this.#join(keys, this.check(key));
      const type = this.check(value);
      values = this.#join(values, optional ? this.#unwrapped(value, type) : type);
    }
    return types.mapOf(keys ?? this.#known.fresh(), values ?? this.#known.fresh());
  }

  #unwrapped(expr: Expr, type: CelType): CelType {
    const { type: element, wrapped } = unwrapOptional(type);
    if (!wrapped && type.kind !== 'dyn') this.#mismatch(expr.pos, types.optionalOf(type), type);
    return element;
  }

  #join(before: CelType | undefined, type: CelType): CelType {
    if (before === undefined) return type;
    return this.#known.assign(before, type) ? mostGeneral(before, type) : DYN;
  }

  #fold(expr: Fold): CelType {
    const range = this.#known.resolve(this.check(expr.range), false);
    const accu = this.check(expr.accuInit);
    this.#scopes.push(new Map([[expr.accuVar, accu]]));
    const [first, second] = this.#iterated(expr, range);
    this.#scopes.push(new Map([[expr.iterVar, first]]));
    if (expr.iterVar2 !== undefined) this.#scopes.at(-1)?.set(expr.iterVar2, second);
    this.#expect(expr.condition, types.BOOL, this.check(expr.condition));
    this.#expect(expr.step, accu, this.check(expr.step));
    this.#scopes.pop();
    const result = this.check(expr.result);
    this.#scopes.pop();
    return this.#known.resolve(result, false);
  }

  /** The types of the variables of a loop over `range`. */
  #iterated({ range: { pos }, iterVar2 }: Fold, range: CelType): readonly [CelType, CelType] {
    const [first = DYN, second = DYN] = range.params;
    switch (range.kind) {
      case 'list':
        return iterVar2 === undefined ? [first, first] : [types.INT, first];
      case 'map':
        return [first, second];
      case 'dyn':
      case 'error':
      case 'param':
        this.#known.assign(DYN, range);
        return [DYN, DYN];
      default: {
        const text = `expression of type '${typeText(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`;
        this.#report(pos, text);
        return [ERROR, ERROR];
      }
    }
  }

  #expect(expr: Expr, expected: CelType, actual: CelType): boolean {
    const fits = this.#known.assign(expected, actual);
    if (!fits) this.#mismatch(expr.pos, expected, actual);
    return fits;
  }

  #mismatch(pos: number, expected: CelType, actual: CelType): CelType {
    return this.#report(pos, `expected type '${typeText(expected)}' but found '${typeText(actual)}'`);
  }

  #undeclared(pos: number, name: string): CelType {
    return this.#report(pos, `undeclared reference to '${name}' (in container '')`);
  }

  #report(pos: number, message: string): CelType {
    this.issues.push({ pos, message });
    return ERROR;
  }
}

/** `a.b.c` as a name; undefined when the expression is more than names and dots. */
function qualifiedName(expr: Expr): string | undefined {
  if (expr.kind === 'ident') return expr.name;
  if (expr.kind !== 'select' || expr.testOnly) return undefined;
  const operand = qualifiedName(expr.operand);
  return operand && `${operand}.${expr.field}`;
}

function literalType(value: Value): CelType {
  switch (typeof value) {
    case 'boolean':
      return types.BOOL;
    case 'bigint':
      return types.INT;
    case 'number':
      return types.DOUBLE;
    case 'string':
      return types.STRING;
    default:
      return value === null ? types.NULL : value instanceof Uint ? types.UINT : types.BYTES;
  }
}
