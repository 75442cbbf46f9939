import { isJsonObject, member } from '../codec/json.ts';
import type { JsonValue } from '../codec/json.ts';
import { JsonPathError, parseJsonPath } from './jsonPathParser.ts';
import type { Comparison, Slice, Step } from './jsonPathParser.ts';

export { JsonPathError } from './jsonPathParser.ts';

/** A compiled JSONPath of kube's dialect (`.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`). */
export interface JsonPath {
  readonly text: string;
  /** The names on the way when the path is nothing but fields (`.spec.replicas`); undefined otherwise. */
  readonly fields: readonly string[] | undefined;
  /** Every value found, in order; [] when something on the way is missing or has another type. */
  find(value: JsonValue): JsonValue[];
}

/** Values that one path may yield or visit; a recursive path over a big object ends here. */
const MAX_VALUES = 10_000;

/** Compiles `text` (with or without surrounding braces). @throws JsonPathError. */
export function compileJsonPath(text: string): JsonPath {
  const steps = parseJsonPath(text);
  const fields = steps.flatMap((step) => (step.kind === 'field' ? [step.name] : []));
  return {
    text,
    fields: fields.length === steps.length && fields.length > 0 ? fields : undefined,
    find: (value) => walk(steps, [value]),
  };
}

function walk(steps: readonly Step[], input: JsonValue[]): JsonValue[] {
  let values = input;
  for (const step of steps) values = values.flatMap((value) => apply(step, value)).slice(0, MAX_VALUES);
  return values;
}

function apply(step: Step, value: JsonValue): JsonValue[] {
  switch (step.kind) {
    case 'field':
      return fieldOf(value, step.name);
    case 'wildcard':
      return childrenOf(value);
    case 'recursive':
      return descendantsOf(value);
    case 'slice':
      return Array.isArray(value) ? slice(value, step) : [];
    case 'union':
      return step.paths.flatMap((path) => walk(path, [value]));
    case 'filter':
      return Array.isArray(value) ? value.filter((item) => passes(step.comparison, item)) : [];
    case 'literal':
      return [step.value];
    default:
      throw new JsonPathError(`unrecognized step ${JSON.stringify(step satisfies never)}`);
  }
}

function fieldOf(value: JsonValue, name: string): JsonValue[] {
  const found = isJsonObject(value) ? member(value, name) : undefined;
  return found === undefined ? [] : [found];
}

function childrenOf(value: JsonValue): JsonValue[] {
  if (Array.isArray(value)) return value;
  return isJsonObject(value) ? Object.values(value) : [];
}

function descendantsOf(value: JsonValue): JsonValue[] {
  const found: JsonValue[] = [];
  const queue = [value];
  for (let next = queue.pop(); next !== undefined && found.length < MAX_VALUES; next = queue.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    found.push(next);
    queue.push(...childrenOf(next).toReversed());
  }
  return found;
}

function slice(items: JsonValue[], { from, to, step }: Slice): JsonValue[] {
  const start = from < 0 ? from + items.length : from;
  const end =
    to === undefined ? items.length : to <= 0 && from < 0 ? to + items.length : to < 0 ? to + items.length : to;
  if (start < 0 || end > items.length) return [];
  return items.slice(start, end).filter((_item, index) => index % step === 0);
}

function passes({ left, operator, right }: Comparison, item: JsonValue): boolean {
  const [a] = walk(left, [item]);
  if (a === undefined) return false;
  if (operator === 'exists') return true;
  const [b] = walk(right, [item]);
  if (b === undefined || a === null || b === null || typeof a !== typeof b || typeof a === 'object') return false;
  switch (operator) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
  }
}
