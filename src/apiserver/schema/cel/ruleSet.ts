import { isJsonObject, member } from '../../codec/json.ts';
import type { JsonObject, JsonValue } from '../../codec/json.ts';
import { correlateIndex, correlateKey, isUnchanged } from '../correlate.ts';
import type { Correlated } from '../correlate.ts';
import type { FieldError } from '../fieldErrors.ts';
import type { StructuralNode } from '../structural.ts';
import { applyRules, type Budget } from './applyRules.ts';
import { rulesOf, type Rule } from './rule.ts';
import { declare, type Declared } from './schema/declared.ts';
import { escapeProperty } from './schema/escape.ts';
import { withResourceMeta } from './schema/resourceMeta.ts';

/** The compiled `x-kubernetes-validations` of one schema. */
export interface RuleSet {
  /**
   * Evaluates every rule against `object`, transition rules only when `pair` holds the old one. What a rule says against
   * a part that is as it was is not reported. Ends early when the rules cost more than one object may.
   */
  evaluate(object: JsonValue, pair: Correlated | undefined): FieldError[];
  /** Evaluates every rule against a value that has always been so; nothing is excused. */
  evaluateKept(value: JsonValue, node: StructuralNode): FieldError[];
}

/** Rules here or somewhere below; nodes without are left out, so that evaluation visits only what has rules. */
interface RuleNode {
  /** As rules see it. */
  node: StructuralNode;
  rules: readonly Rule[];
  usesOldSelf: boolean;
  properties: ReadonlyMap<string, RuleNode>;
  items: RuleNode | undefined;
  additional: RuleNode | undefined;
}

/** What the rules may cost on one object; Kubernetes' RuntimeCELCostBudget. */
const OBJECT_BUDGET = 10_000_000;

/**
 * Compiles the rules of a schema once; undefined when it has none. A rule that does not compile is an error of every object.
 * @param isResource  What has the schema is a whole object, with apiVersion, kind and metadata.
 */
export function compileRules(root: StructuralNode, isResource = true): RuleSet | undefined {
  const compiled = compileNode(root, declare(root, isResource), isResource);
  if (compiled === undefined) return undefined;
  const evaluate = (value: JsonValue, pair: Correlated | undefined, excuses: boolean): FieldError[] => {
    const visit = new Visit(excuses);
    visit.value(value, compiled, { path: '', old: pair?.old, pair, parent: undefined });
    return visit.errors;
  };
  return {
    evaluate: (object, pair) => evaluate(object, pair, true),
    evaluateKept: (value, node) => evaluate(value, { value, old: value, node }, false),
  };
}

function compileNode(node: StructuralNode, declared: Declared | undefined, isResource: boolean): RuleNode | undefined {
  if (declared === undefined) return undefined;
  const properties = new Map<string, RuleNode>();
  for (const [name, child] of node.properties) {
    const compiled = compileNode(child, fieldOf(declared, name, child), child.embeddedResource);
    if (compiled !== undefined) properties.set(name, compiled);
  }
  const below = (child: StructuralNode | undefined) =>
    child && compileNode(child, declared.element, child.embeddedResource);
  const items = below(node.items);
  const additional = below(typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined);
  const rules = rulesOf(node, declared);
  const empty = rules.length === 0 && properties.size === 0 && items === undefined && additional === undefined;
  if (empty) return undefined;
  const usesOldSelf = rules.some(
    ({ expression }) => expression !== undefined && 'usesOldSelf' in expression && expression.usesOldSelf,
  );
  return { node: isResource ? withResourceMeta(node) : node, rules, usesOldSelf, properties, items, additional };
}

/** A property that no rule can name may have rules of its own. */
function fieldOf(declared: Declared, name: string, child: StructuralNode): Declared | undefined {
  const escaped = escapeProperty(name);
  return escaped === undefined ? declare(child, child.embeddedResource) : declared.fields?.get(escaped);
}

interface Place {
  path: string;
  old: JsonValue | undefined;
  /** This value beside its old one; undefined when they cannot be told to belong together. */
  pair: Correlated | undefined;
  /** The nearest value above that has an old one. */
  parent: Correlated | undefined;
}

class Visit {
  readonly errors: FieldError[] = [];
  readonly #budget: Budget = { left: OBJECT_BUDGET };
  readonly #excuses: boolean;

  /** @param excuses  What is as it was may be wrong. */
  constructor(excuses: boolean) {
    this.#excuses = excuses;
  }

  /** @returns false when the budget is spent. */
  value(value: JsonValue, compiled: RuleNode, at: Place): boolean {
    if (value === null) return true;
    if (compiled.rules.length > 0) {
      const { path, old } = at;
      const settled = () => {
        const pair = at.pair ?? at.parent;
        return this.#excuses && pair !== undefined && isUnchanged(pair);
      };
      this.errors.push(...applyRules(value, compiled, { path, old: old ?? undefined, settled, budget: this.#budget }));
      if (this.#budget.left < 0) return false;
    }
    if (Array.isArray(value)) return compiled.items === undefined || this.#items(value, compiled.items, at);
    return !isJsonObject(value) || this.#members(value, compiled, at);
  }

  #items(list: JsonValue[], compiled: RuleNode, at: Place): boolean {
    return list.every((item, index) => {
      const pair = correlateIndex(at.pair, index);
      const path = `${at.path}[${index}]`;
      return this.value(item, compiled, { path, old: pair?.old, pair, parent: at.pair ?? at.parent });
    });
  }

  #members(object: JsonObject, compiled: RuleNode, at: Place): boolean {
    return Object.keys(object).every((key) => {
      const named = compiled.node.properties.has(key);
      const child = named ? compiled.properties.get(key) : compiled.additional;
      const value = member(object, key);
      if (child === undefined || value === undefined) return true;
      const path = named ? `${at.path}${at.path === '' ? '' : '.'}${key}` : `${at.path}[${key}]`;
      const old = isJsonObject(at.old) ? member(at.old, key) : undefined;
      return this.value(value, child, { path, old, ...correlated(at, key) });
    });
  }
}

/** apiVersion and kind of the object itself are never excused: they look unchanged after every conversion. */
function correlated(at: Place, key: string): Pick<Place, 'pair' | 'parent'> {
  if (at.path === '' && (key === 'apiVersion' || key === 'kind')) return { pair: undefined, parent: undefined };
  return { pair: correlateKey(at.pair, key), parent: at.pair ?? at.parent };
}
