import type { JsonValue } from '../../codec/json.ts';
import { duplicate, forbidden, invalid, required } from '../fieldErrors.ts';
import type { FieldError } from '../fieldErrors.ts';
import { goQuote } from '../goText.ts';
import type { StructuralNode } from '../structural.ts';
import { CostExceeded } from './eval/frame.ts';
import type { Expression, Outcome } from './expression.ts';
import { Problem, ruleText, type Rule } from './rule.ts';
import { typedValue } from './schema/typedValue.ts';
import { Optional, type Value } from './values/value.ts';

/** What the rules of one object may still cost; below 0 when they cost too much. */
export interface Budget {
  left: number;
}

interface Context {
  path: string;
  old: JsonValue | undefined;
  /** Whether the value is as it was: then failures are excused, except of transition rules. */
  settled: () => boolean;
  budget: Budget;
}

interface Variables {
  self: Value;
  oldSelf: Value | undefined;
}

/** Bytes of the longest message that a messageExpression may give. */
const MAX_MESSAGE = 5 * 1024;
const SPENT = 'validation failed due to running out of cost budget, no further validation rules will be run';

/** Evaluates the rules of one node on one value. Source: apiextensions-apiserver pkg/apiserver/schema/cel/validation.go. */
export function applyRules(
  value: JsonValue,
  { node, rules, usesOldSelf }: { node: StructuralNode; rules: readonly Rule[]; usesOldSelf: boolean },
  context: Context,
): FieldError[] {
  if (context.budget.left <= 0) return spent(node, context);
  const old = usesOldSelf ? context.old : undefined;
  const variables = {
    self: typedValue(value, node),
    oldSelf: old === undefined ? undefined : typedValue(old, node),
  };
  const errors: FieldError[] = [];
  for (const rule of rules) {
    errors.push(...applyRule(rule, { value, node, variables }, context));
    if (context.budget.left < 0) break;
  }
  return errors;
}

interface Subject {
  value: JsonValue;
  node: StructuralNode;
  variables: Variables;
}

function applyRule(rule: Rule, subject: Subject, context: Context): FieldError[] {
  const { expression } = rule;
  const { node, variables } = subject;
  if (expression === undefined) return [];
  if (expression instanceof Problem)
    return [invalid(context.path, node.type, `rule compile error: ${expression.text}`)];
  if (expression.usesOldSelf && variables.oldSelf === undefined && !rule.optionalOldSelf) return [];
  const outcome = expression.evaluate(rule.optionalOldSelf ? withOptional(variables) : variables);
  if (!pay(context.budget, outcome)) return spent(node, context);
  if (outcome.error !== undefined) return [evaluationError(rule, outcome.error, node, context)];
  return outcome.value === true ? [] : failure(rule, expression, subject, context);
}

function withOptional({ self, oldSelf }: Variables): Variables {
  return { self, oldSelf: oldSelf === undefined ? Optional.none : new Optional(oldSelf) };
}

/** @returns false when there is not so much left. */
function pay(budget: Budget, { cost }: Outcome): boolean {
  if (cost > budget.left) return false;
  budget.left -= cost;
  return true;
}

function spent(node: StructuralNode, { path, budget }: Context): FieldError[] {
  budget.left = -1;
  return [invalid(path, node.type, SPENT)];
}

function evaluationError(rule: Rule, error: Error, node: StructuralNode, { path, budget }: Context): FieldError {
  const { message } = error;
  if (error instanceof CostExceeded) {
    budget.left = -1;
    const text = 'no further validation rules will be run due to call cost exceeds limit for rule';
    return invalid(path, node.type, `'${message}': ${text}: ${ruleText(rule)}`);
  }
  if (!message.startsWith('no such overload'))
    return invalid(path, node.type, `${message} evaluating rule: ${ruleText(rule)}`);
  const text = 'call arguments did not match a supported operator, function or macro signature for rule';
  return invalid(path, node.type, `'${message}': ${text}: ${ruleText(rule)}`);
}

function failure(rule: Rule, expression: Expression, subject: Subject, context: Context): FieldError[] {
  const path = rule.fieldPath === '' ? context.path : join(context.path, rule.fieldPath);
  const message = messageOf(rule, subject.variables, context.budget);
  const excused = !expression.usesOldSelf && context.settled();
  if (excused) return [];
  return [context.budget.left < 0 ? invalid(path, subject.node.type, message) : errorFor(rule, subject, path, message)];
}

function join(path: string, fieldPath: string): string {
  return path === '' || fieldPath.startsWith('[') ? path + fieldPath : `${path}.${fieldPath}`;
}

function errorFor({ reason }: Rule, { value, node }: Subject, path: string, message: string): FieldError {
  // the whole of a list or an object would only hide the message
  const shown = node.type === 'object' || node.type === 'array' ? undefined : value;
  const anonymous = (error: FieldError) => ({ ...error, badValue: shown });
  switch (reason) {
    case 'FieldValueRequired':
      return required(path, message);
    case 'FieldValueForbidden':
      return forbidden(path, message);
    case 'FieldValueDuplicate':
      return anonymous(duplicate(path, null));
    default:
      return anonymous(invalid(path, null, message));
  }
}

/** messageExpression when it gives one line of text, else message, else the rule. Spends the budget when it costs too much. */
function messageOf(rule: Rule, variables: Variables, budget: Budget): string {
  const fallback = rule.message === '' ? `failed rule: ${ruleText(rule)}` : ruleText(rule);
  const { messageExpression } = rule;
  if (messageExpression === undefined || messageExpression instanceof Problem) return fallback;
  const outcome = messageExpression.evaluate(variables);
  if (!pay(budget, outcome)) {
    budget.left = -1;
    return 'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run';
  }
  if (outcome.error instanceof CostExceeded) {
    budget.left = -1;
    const text = 'no further validation rules will be run due to call cost exceeds limit for messageExpression';
    return `${text}: ${goQuote(rule.messageSource)}`;
  }
  const text = typeof outcome.value === 'string' ? outcome.value.trim() : '';
  return text === '' || text.includes('\n') || Buffer.byteLength(text) > MAX_MESSAGE ? fallback : text;
}
