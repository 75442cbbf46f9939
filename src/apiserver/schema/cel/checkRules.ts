import { forbidden, invalid } from '../fieldErrors.ts';
import type { FieldError } from '../fieldErrors.ts';
import type { StructuralNode } from '../structural.ts';
import { estimateCost, sizeBound } from './cost.ts';
import { rulesOf, type Rule } from './rule.ts';
import { nodeAt } from './ruleSet.ts';

/** As Kubernetes: steps of one rule on one object, and of all rules of a CRD. */
const MAX_RULE_COST = 10_000_000;
const MAX_TOTAL_COST = 100_000_000;

interface Position {
  path: string;
  /** How often the node can occur in one object. */
  times: number;
  /** False below lists whose items have no identity: there is no old value to compare with. */
  correlatable: boolean;
}

/**
 * What is wrong with the `x-kubernetes-validations` of a schema: rules that do not compile, that use what is not
 * allowed where they stand, or whose estimated cost is too high. For CRD validation.
 * @param path  Field path of `root` in the CRD: `spec.versions[0].schema.openAPIV3Schema`.
 */
export function checkRules(root: StructuralNode, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const total = walk(root, { path, times: 1, correlatable: true }, errors);
  if (total > MAX_TOTAL_COST && errors.length === 0) errors.push(overBudget(path, total / MAX_TOTAL_COST, 'total'));
  return errors;
}

function walk(node: StructuralNode, at: Position, errors: FieldError[]): number {
  let total = 0;
  for (const rule of rulesOf(node)) {
    const where = `${at.path}.x-kubernetes-validations[${rule.index}]`;
    const error = checkRule(rule, node, { ...at, path: where });
    if (error !== undefined) errors.push(error);
    if (rule.expression instanceof Error) continue;
    const cost = estimateCost(rule.expression.ast, node) * at.times;
    if (cost > MAX_RULE_COST) errors.push(overBudget(`${where}.rule`, cost / MAX_RULE_COST, 'rule'));
    total += cost;
  }
  return total + walkChildren(node, at, errors);
}

function walkChildren(node: StructuralNode, at: Position, errors: FieldError[]): number {
  let total = 0;
  for (const [name, child] of node.properties)
    total += walk(child, { ...at, path: `${at.path}.properties[${name}]` }, errors);
  const times = at.times * Math.max(1, sizeBound(node));
  if (node.items !== undefined) {
    const correlatable = at.correlatable && node.listType === 'map';
    total += walk(node.items, { path: `${at.path}.items`, times, correlatable }, errors);
  }
  if (typeof node.additionalProperties === 'object') {
    total += walk(node.additionalProperties, { ...at, path: `${at.path}.additionalProperties`, times }, errors);
  }
  return total;
}

function checkRule(rule: Rule, node: StructuralNode, at: Position): FieldError | undefined {
  const { expression } = rule;
  if (expression instanceof Error)
    return invalid(`${at.path}.rule`, rule.source, `compilation failed: ${expression.message}`);
  if (expression.usesOldSelf && !at.correlatable) {
    return invalid(
      `${at.path}.rule`,
      rule.source,
      'oldSelf cannot be used on the uncorrelatable portion of the schema',
    );
  }
  if (rule.fieldPath !== '' && nodeAt(node, rule.fieldPath) === undefined) {
    return invalid(`${at.path}.fieldPath`, rule.fieldPath, 'fieldPath must be a valid path to a field of the schema');
  }
  return undefined;
}

function overBudget(path: string, factor: number, of: 'rule' | 'total'): FieldError {
  const what = of === 'rule' ? 'estimated rule cost exceeds budget' : 'estimated cost of all rules exceeds budget';
  const by = factor > 100 ? 'more than 100x' : `${factor.toFixed(1)}x`;
  return forbidden(
    path,
    `${what} by factor of ${by} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`,
  );
}
