import { isJsonObject } from '../../codec/json.ts';
import type { JsonObject, JsonValue } from '../../codec/json.ts';
import { correlateIndex, correlateKey, isUnchanged } from '../correlate.ts';
import type { Correlated } from '../correlate.ts';
import { duplicate, forbidden, invalid, required } from '../fieldErrors.ts';
import type { FieldError } from '../fieldErrors.ts';
import { childNode } from '../structural.ts';
import type { StructuralNode } from '../structural.ts';
import { rulesOf, type Rule } from './rule.ts';
import { rootForRules, toCelInput } from './values.ts';

/** The compiled `x-kubernetes-validations` of one schema. */
export interface RuleSet {
  /** Evaluates every rule against `object`; transition rules only when `pair` holds the old one. */
  evaluate(object: JsonObject, pair: Correlated | undefined): FieldError[];
}

/** Rules here or somewhere below; nodes without are left out, so that evaluation visits only what has rules. */
interface RuleNode {
  node: StructuralNode;
  rules: Rule[];
  properties: ReadonlyMap<string, RuleNode>;
  items: RuleNode | undefined;
  additional: RuleNode | undefined;
}

/**
 * Compiles the rules of a schema once; undefined when it has none.
 *
 * Not guaranteed: a bound on the time of one evaluation beyond what checkRules estimated at the CRD's admission; regular
 * expressions run on RE2.
 */
export function compileRules(root: StructuralNode): RuleSet | undefined {
  const compiled = compileNode(root);
  if (compiled === undefined) return undefined;
  return {
    evaluate: (object, pair) => {
      const errors: FieldError[] = [];
      const visible = rootForRules(object);
      const oldObject = pair !== undefined && isJsonObject(pair.old) ? rootForRules(pair.old) : undefined;
      const correlated = oldObject && { value: visible, old: oldObject, node: root };
      visit(visible, compiled, { path: '', pair: correlated, errors });
      return errors;
    },
  };
}

function compileNode(node: StructuralNode): RuleNode | undefined {
  const properties = new Map<string, RuleNode>();
  for (const [name, child] of node.properties) {
    const compiled = compileNode(child);
    if (compiled !== undefined) properties.set(name, compiled);
  }
  const items = node.items && compileNode(node.items);
  const additional = typeof node.additionalProperties === 'object' ? compileNode(node.additionalProperties) : undefined;
  const rules = rulesOf(node);
  const empty = rules.length === 0 && properties.size === 0 && items === undefined && additional === undefined;
  return empty ? undefined : { node, rules, properties, items, additional };
}

interface Visit {
  path: string;
  pair: Correlated | undefined;
  errors: FieldError[];
}

function visit(value: JsonValue, compiled: RuleNode, at: Visit): void {
  if (compiled.rules.length > 0) applyRules(value, compiled, at);
  if (Array.isArray(value) && compiled.items !== undefined) {
    const { items } = compiled;
    value.forEach((item, index) =>
      visit(item, items, { ...at, path: `${at.path}[${index}]`, pair: correlateIndex(at.pair, index) }),
    );
  }
  if (isJsonObject(value)) visitMembers(value, compiled, at);
}

function visitMembers(value: JsonObject, compiled: RuleNode, at: Visit): void {
  for (const [key, member] of Object.entries(value)) {
    const named = compiled.node.properties.has(key);
    const child = named ? compiled.properties.get(key) : compiled.additional;
    if (child === undefined) continue;
    const path = named ? `${at.path === '' ? '' : `${at.path}.`}${key}` : `${at.path}[${key}]`;
    visit(member, child, { ...at, path, pair: correlateKey(at.pair, key) });
  }
}

function applyRules(value: JsonValue, { node, rules }: RuleNode, at: Visit): void {
  if (value === null) return;
  const self = toCelInput(value, node);
  const oldSelf = at.pair && toCelInput(at.pair.old, node);
  const settled = at.pair !== undefined && isUnchanged(at.pair);
  const variables = oldSelf === undefined ? { self } : { self, oldSelf };
  for (const rule of rules) {
    const error = judge(rule, node, at.path, { variables, settled });
    if (error !== undefined) at.errors.push(error);
  }
}

/** @param state.settled  The value is as it was: only transition rules look at it again. */
function judge(
  rule: Rule,
  node: StructuralNode,
  path: string,
  { variables, settled }: { variables: Variables; settled: boolean },
): FieldError | undefined {
  const { expression } = rule;
  if (expression instanceof Error) return invalid(path, node.type, `rule compile error: ${expression.message}`);
  if (expression.usesOldSelf ? variables.oldSelf === undefined : settled) return undefined;
  const result = expression.evaluate(variables);
  if (result === true) return undefined;
  return result instanceof Error ? evaluationError(rule, node, path, result) : failure(rule, node, path, variables);
}

function evaluationError(rule: Rule, node: StructuralNode, path: string, error: Error): FieldError {
  return invalid(path, node.type, `${rule.source}: rule evaluation error: ${error.message}`);
}

function failure(rule: Rule, node: StructuralNode, path: string, variables: Variables): FieldError {
  const message = messageOf(rule, variables);
  const field = `${path}${path === '' ? rule.fieldPath.replace(/^\./, '') : rule.fieldPath}`;
  switch (rule.reason) {
    case 'FieldValueRequired':
      return required(field, message);
    case 'FieldValueForbidden':
      return forbidden(field, message);
    case 'FieldValueDuplicate':
      return duplicate(field, node.type);
    default:
      return invalid(field, node.type, message);
  }
}

type Variables = Parameters<Exclude<Rule['expression'], Error>['evaluate']>[0];

/** messageExpression when it gives one line of text, else message, else the rule itself. */
function messageOf(rule: Rule, variables: Variables): string {
  const made = rule.messageExpression?.evaluate(variables);
  if (typeof made === 'string' && made.trim() !== '' && !made.includes('\n')) return made.slice(0, 5120);
  return rule.message?.trim() ?? `failed rule: ${rule.source.trim()}`;
}

/** The schema node that a rule's fieldPath names; undefined when there is none. */
export function nodeAt(node: StructuralNode, fieldPath: string): StructuralNode | undefined {
  const keys = [...fieldPath.matchAll(/\.([A-Za-z_$][\w$-]*)|\['([^']+)'\]/g)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  return keys.reduce<StructuralNode | undefined>((at, key) => childNode(at, key), node);
}
