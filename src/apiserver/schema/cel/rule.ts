import { isJsonObject } from '../../codec/json.ts';
import type { JsonObject } from '../../codec/json.ts';
import { checkFieldPath } from '../fieldPath.ts';
import type { StructuralNode } from '../structural.ts';
import { compileExpression, type Expression } from './expression.ts';
import type { Declared } from './schema/declared.ts';
import { CompileError } from './syntax/issues.ts';
import { EvaluationError } from './values/errors.ts';

/** One entry of x-kubernetes-validations, compiled. Source: apiextensions-apiserver pkg/apiserver/schema/cel. */
export interface Rule {
  /** Place in the list. */
  index: number;
  /** As written. */
  source: JsonObject;
  rule: string;
  /** undefined = the rule is empty: it holds always. */
  expression: Expression | Problem | undefined;
  message: string;
  messageSource: string;
  messageExpression: Expression | Problem | undefined;
  optionalOldSelf: boolean;
  reason: string | undefined;
  /** Where a failure is reported, below the value; '' = at the value. */
  fieldPath: string;
}

/** Why an expression does not compile, as Kubernetes words it. */
export class Problem {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The rules of one node, in order; malformed entries count as empty rules. */
export function rulesOf(node: StructuralNode, declared: Declared): Rule[] {
  const list = node.source['x-kubernetes-validations'];
  return Array.isArray(list)
    ? list.map((entry, index) => toRule(isJsonObject(entry) ? entry : {}, index, { node, declared }))
    : [];
}

function toRule(source: JsonObject, index: number, at: { node: StructuralNode; declared: Declared }): Rule {
  const text = (key: string) => (typeof source[key] === 'string' ? source[key] : '');
  const optionalOldSelf = source['optionalOldSelf'] === true;
  const options = { declared: at.declared, optionalOldSelf };
  const rule = text('rule');
  const expression = rule.trim() === '' ? undefined : compileRule(rule, options);
  const messageSource = text('messageExpression');
  const usable = expression !== undefined && !(expression instanceof Problem);
  const fieldPath = text('fieldPath') === '' ? undefined : checkFieldPath(text('fieldPath'), at.node, true);
  return {
    index,
    source,
    rule,
    expression,
    message: text('message'),
    messageSource,
    messageExpression: usable && messageSource !== '' ? compileMessage(messageSource, options) : undefined,
    optionalOldSelf,
    reason: text('reason') || undefined,
    fieldPath: fieldPath !== undefined && 'text' in fieldPath ? fieldPath.text : '',
  };
}

type Options = Parameters<typeof compileExpression>[1];

function compileRule(source: string, options: Options): Expression | Problem {
  const compiled = attempt(source, options, {
    compile: 'compilation failed: ',
    plan: 'program instantiation failed: ',
  });
  if (compiled instanceof Problem || compiled.type.kind === 'bool') return compiled;
  return new Problem('cel expression must evaluate to a bool');
}

function compileMessage(source: string, options: Options): Expression | Problem {
  const compiled = attempt(source, options, {
    compile: 'messageExpression compilation failed: ',
    plan: 'messageExpression instantiation failed: ',
  });
  if (compiled instanceof Problem || compiled.type.kind === 'string') return compiled;
  return new Problem('messageExpression must evaluate to a string');
}

function attempt(source: string, options: Options, prefix: { compile: string; plan: string }): Expression | Problem {
  try {
    return compileExpression(source, options);
  } catch (error) {
    if (error instanceof CompileError) return new Problem(prefix.compile + error.message);
    if (error instanceof EvaluationError) return new Problem(prefix.plan + error.message);
    throw error;
  }
}

/** How messages name a rule: by its message, else by its text. */
export function ruleText({ message, rule }: Rule): string {
  return (message === '' ? rule : message).trim();
}
