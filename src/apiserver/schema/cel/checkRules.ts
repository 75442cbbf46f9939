import type { JsonObject } from '../../codec/json.ts';
import { forbidden, invalid } from '../fieldErrors.ts';
import type { FieldError } from '../fieldErrors.ts';
import type { StructuralNode } from '../structural.ts';
import { Problem, rulesOf, type Rule } from './rule.ts';
import { declare, maxTimes, type Declared } from './schema/declared.ts';
import { escapeProperty } from './schema/escape.ts';

/** As Kubernetes: what evaluating one rule on one object, and all rules of a CRD, may cost at most. */
const MAX_RULE_COST = 10_000_000;
const MAX_TOTAL_COST = 100_000_000;
/** So many rules are named when all together are too expensive. */
const NAMED = 4;

interface Position {
  path: string;
  declared: Declared | undefined;
  /** How often the node can occur in one object; undefined = as often as fits into a request. */
  times: number | undefined;
  /** The nearest list above whose items have no identity: there is no old value to compare with. */
  uncorrelatable: string | undefined;
}

/**
 * What is wrong with the `x-kubernetes-validations` of a schema: rules that do not compile, that use what is not
 * allowed where they stand, or whose estimated cost is too high. For CRD validation.
 * Source: apiextensions-apiserver pkg/apis/apiextensions/validation.
 * @param path  Field path of `root` in the CRD: `spec.versions[0].schema.openAPIV3Schema`.
 */
export function checkRules(root: StructuralNode, path: string): FieldError[] {
  const check = new Check();
  check.node(root, { path, declared: declare(root, true), times: 1, uncorrelatable: undefined });
  return [...check.errors, ...check.totalErrors(path)];
}

class Check {
  readonly errors: FieldError[] = [];
  readonly #costs: { path: string; cost: number }[] = [];

  node(node: StructuralNode, at: Position): void {
    this.#children(node, at);
    const list = node.source['x-kubernetes-validations'];
    if (!Array.isArray(list) || list.length === 0) return;
    if (at.declared === undefined) {
      const detail =
        'internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations';
      this.errors.push({ type: 'InternalError', field: `${at.path}.x-kubernetes-validations`, detail });
      return;
    }
    for (const rule of rulesOf(node, at.declared)) this.#rule(rule, at, at.declared);
  }

  totalErrors(path: string): FieldError[] {
    const total = this.#costs.reduce((sum, { cost }) => sum + cost, 0);
    if (total <= MAX_TOTAL_COST) return [];
    const text = 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
    const expensive = this.#costs.filter(({ cost }) => cost >= MAX_TOTAL_COST / 100).sort((a, b) => b.cost - a.cost);
    const name = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
    return [
      ...expensive.slice(0, NAMED).map((one) => forbidden(one.path, text)),
      forbidden(path, overBudget(name, total / MAX_TOTAL_COST)),
    ];
  }

  #children(node: StructuralNode, at: Position): void {
    for (const [name, child] of node.properties) {
      const own = at.declared?.fields?.get(escapeProperty(name) ?? '');
      this.#child(child, own, { ...at, path: `${at.path}.properties[${name}]` });
    }
    const times = multiply(at.times, timesOf(node));
    const element = at.declared?.element;
    if (node.items !== undefined) {
      const uncorrelatable = at.uncorrelatable ?? (node.listType === 'map' ? undefined : at.path);
      this.#child(node.items, element, { path: `${at.path}.items`, times, uncorrelatable });
    }
    if (typeof node.additionalProperties === 'object')
      this.#child(node.additionalProperties, element, { ...at, path: `${at.path}.additionalProperties`, times });
  }

  #child(node: StructuralNode, declared: Declared | undefined, at: Omit<Position, 'declared'>): void {
    this.node(node, { ...at, declared: declared ?? declare(node, node.embeddedResource) });
  }

  #rule(rule: Rule, at: Position, declared: Declared): void {
    const path = `${at.path}.x-kubernetes-validations[${rule.index}]`;
    const { expression } = rule;
    if (expression === undefined) return;
    if (expression instanceof Problem) {
      this.errors.push(invalid(`${path}.rule`, shown(rule), expression.text));
      this.#optionalOldSelf(rule, false, path);
      return;
    }
    this.#cost('estimated rule cost', `${path}.rule`, expression.maxCost * (at.times ?? maxTimes(declared)));
    this.#message(rule, path);
    if (expression.usesOldSelf && at.uncorrelatable !== undefined) {
      const detail = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${at.uncorrelatable}`;
      this.errors.push(invalid(`${path}.rule`, rule.rule, detail));
    }
    this.#optionalOldSelf(rule, expression.usesOldSelf, path);
  }

  #message(rule: Rule, path: string): void {
    const { messageExpression } = rule;
    if (messageExpression === undefined) return;
    const where = `${path}.messageExpression`;
    if (messageExpression instanceof Problem) this.errors.push(invalid(where, shown(rule), messageExpression.text));
    else this.#cost('estimated messageExpression cost', where, messageExpression.maxCost);
  }

  #optionalOldSelf({ source }: Rule, usesOldSelf: boolean, path: string): void {
    const value = source['optionalOldSelf'];
    if (usesOldSelf || typeof value !== 'boolean') return;
    this.errors.push(invalid(`${path}.optionalOldSelf`, value, 'may not be set if oldSelf is not used in rule'));
  }

  #cost(name: string, path: string, cost: number): void {
    this.#costs.push({ path, cost });
    if (cost > MAX_RULE_COST) this.errors.push(forbidden(path, overBudget(name, cost / MAX_RULE_COST)));
  }
}

/** A rule as Kubernetes' errors print it. */
function shown({ source, rule, message, messageSource, reason }: Rule): JsonObject {
  return {
    Rule: rule,
    Message: message,
    MessageExpression: messageSource,
    Reason: reason ?? null,
    FieldPath: source['fieldPath'] ?? '',
    OptionalOldSelf: source['optionalOldSelf'] ?? null,
  };
}

/** How often what is below `node` occurs in it; undefined = without bound. */
function timesOf({ type, source, additionalProperties }: StructuralNode): number | undefined {
  if (type === 'array') return bound(source['maxItems']);
  return type === 'object' && additionalProperties !== undefined ? bound(source['maxProperties']) : 1;
}

function bound(value: unknown): number | undefined {
  return typeof value === 'number' ? Math.max(0, value) : undefined;
}

function multiply(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a * b;
}

function overBudget(name: string, factor: number): string {
  const by = factor > 100 ? 'more than 100x' : `${factor.toFixed(factor < 1.5 ? 6 : 1)}x`;
  return `${name} exceeds budget by factor of ${by} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}
