import type { CelType } from './type.ts';

/** What the checker knows of a function: its signatures. */
export interface Signature {
  id: string;
  member: boolean;
  args: readonly CelType[];
  result: CelType;
}

/** What names an expression may use. */
export interface Environment {
  variables: ReadonlyMap<string, CelType>;
  /** Names of types: `int`, `net.IP`. */
  types: ReadonlyMap<string, CelType>;
  functions: ReadonlyMap<string, readonly Signature[]>;
}

/** An expression with the types of all its parts. */
export interface Checked<E> {
  expr: E;
  typeOf(part: E): CelType;
  /** Which signatures of its function a call may mean; several when the types of its arguments are open. */
  overloadsOf(call: E): readonly string[];
  /** Names that stand for variables or types written with dots; and calls such as `sets.contains()`. */
  nameOf(part: E): string | undefined;
  /** All variables that are used. */
  variables: ReadonlySet<string>;
}
