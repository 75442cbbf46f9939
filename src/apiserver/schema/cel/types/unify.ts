import { DYN, optionalElement, sameType, type CelType } from './type.ts';

/** What the variables of types stand for. Source of everything here: cel-go checker/types.go. */
export class Substitutions {
  #known: Map<string, CelType> = new Map();
  #fresh = 0;

  /** A variable that is used nowhere else. */
  fresh(): CelType {
    return { kind: 'param', name: `_var${this.#fresh++}`, params: [] };
  }

  /** `type` with a fresh variable for each of its own. */
  instantiate(types: readonly CelType[]): CelType[] {
    const names = new Map<string, CelType>();
    const rename = (type: CelType): CelType => {
      if (type.kind === 'param') {
        const known = names.get(type.name) ?? this.fresh();
        names.set(type.name, known);
        return known;
      }
      return type.params.length === 0 ? type : { ...type, params: type.params.map(rename) };
    };
    return types.map(rename);
  }

  /** `type` with what is known of its variables; with `toDyn`, dyn for what is not. */
  resolve(type: CelType, toDyn: boolean): CelType {
    if (type.kind === 'param') {
      const known = this.#known.get(type.name);
      if (known !== undefined) return this.resolve(known, toDyn);
      return toDyn ? DYN : type;
    }
    return type.params.length === 0 ? type : { ...type, params: type.params.map((one) => this.resolve(one, toDyn)) };
  }

  /** True when every one of `from` fits its neighbour in `to`; then what was learned about variables stays. */
  assignAll(to: readonly CelType[], from: readonly CelType[]): boolean {
    if (to.length !== from.length) return false;
    const before = this.#known;
    this.#known = new Map(before);
    if (to.every((one, index) => this.#fits(one, from[index] ?? DYN))) return true;
    this.#known = before;
    return false;
  }

  /** As assignAll, for one. */
  assign(to: CelType, from: CelType): boolean {
    return this.assignAll([to], [from]);
  }

  #fits(a: CelType, b: CelType): boolean {
    if (b.kind === 'param') {
      const { valid, known } = this.#substitute(a, b);
      if (valid || known) return valid;
    }
    if (a.kind === 'param') return this.#substitute(b, a).valid;
    if (isAny(a) || isAny(b)) return true;
    return this.#fitsKnown(a, b);
  }

  #fitsKnown(a: CelType, b: CelType): boolean {
    if (a.kind === 'null_type') return isNullable(b);
    if (b.kind === 'null_type') return isNullable(a);
    if (a.kind === 'type') return b.kind === 'type';
    if (a.kind !== b.kind || a.name !== b.name || a.params.length !== b.params.length) return false;
    return a.params.every((one, index) => this.#fits(one, b.params[index] ?? DYN));
  }

  /** Whether the variable `b` can stand for `a`, and whether it stood for something already. */
  #substitute(a: CelType, b: CelType): { valid: boolean; known: boolean } {
    if (a.kind === b.kind && sameType(a, b)) return { valid: true, known: true };
    const known = this.#known.get(b.name);
    if (known !== undefined) {
      if (a.kind === known.kind && sameType(a, known)) return { valid: true, known: true };
      if (!this.#fits(a, known)) return { valid: false, known: true };
      const general = mostGeneral(a, known);
      if (this.#isFree(b, general)) this.#known.set(b.name, general);
      return { valid: true, known: true };
    }
    if (!this.#isFree(b, a)) return { valid: false, known: false };
    this.#known.set(b.name, a);
    return { valid: true, known: false };
  }

  /** False when the variable occurs in `within`: the type would contain itself. */
  #isFree(variable: CelType, within: CelType): boolean {
    if (within.kind === 'param') {
      if (within.name === variable.name) return false;
      const known = this.#known.get(within.name);
      return known === undefined || this.#isFree(variable, known);
    }
    return within.params.every((one) => this.#isFree(variable, one));
  }
}

/** Takes and gives everything. */
export function isAny(type: CelType): boolean {
  return type.kind === 'dyn' || type.kind === 'error';
}

function isNullable(type: CelType): boolean {
  return ['opaque', 'struct', 'duration', 'timestamp', 'null_type'].includes(type.kind);
}

/** Of two types that fit, the one that says less. */
export function mostGeneral(a: CelType, b: CelType): CelType {
  return isLessSpecific(a, b) ? a : b;
}

function isLessSpecific(a: CelType, b: CelType): boolean {
  if (a.kind === 'dyn' || a.kind === 'param') return true;
  if (b.kind === 'dyn' || b.kind === 'param') return false;
  if (a.kind !== b.kind) return false;
  if (a.kind === 'type') return true;
  if (a.name !== b.name || a.params.length !== b.params.length) return false;
  return a.params.every((one, index) => isLessSpecific(one, b.params[index] ?? DYN));
}

/** `type` without optional around it, and whether there was one. */
export function unwrapOptional(type: CelType): { type: CelType; wrapped: boolean } {
  const element = optionalElement(type);
  return element === undefined ? { type, wrapped: false } : { type: element, wrapped: true };
}
