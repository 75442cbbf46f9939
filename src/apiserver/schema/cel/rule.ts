import { isJsonObject } from '../../codec/json.ts';
import type { StructuralNode } from '../structural.ts';
import { compileExpression, type Expression } from './expression.ts';

/** One entry of x-kubernetes-validations, compiled. */
export interface Rule {
  /** Place in the list. */
  index: number;
  /** As written. */
  source: string;
  /** Or what is wrong with it: then every evaluation reports that. */
  expression: Expression | Error;
  message: string | undefined;
  messageExpression: Expression | undefined;
  reason: string | undefined;
  fieldPath: string;
}

/** The rules of one node, in order; malformed entries count as rules that do not compile. */
export function rulesOf(node: StructuralNode): Rule[] {
  const list = node.source['x-kubernetes-validations'];
  return Array.isArray(list) ? list.map((entry, index) => toRule(isJsonObject(entry) ? entry : {}, index)) : [];
}

function toRule(entry: Record<string, unknown>, index: number): Rule {
  const text = (key: string) => (typeof entry[key] === 'string' ? entry[key] : undefined);
  const source = text('rule') ?? '';
  const messageExpression = text('messageExpression');
  return {
    index,
    source,
    expression:
      entry['optionalOldSelf'] === true
        ? new Error('optionalOldSelf is not supported by this server')
        : attempt(source),
    message: text('message'),
    messageExpression: messageExpression === undefined ? undefined : usable(attempt(messageExpression)),
    reason: text('reason'),
    fieldPath: text('fieldPath') ?? '',
  };
}

function attempt(source: string): Expression | Error {
  try {
    return compileExpression(source);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function usable(expression: Expression | Error): Expression | undefined {
  return expression instanceof Error ? undefined : expression;
}
