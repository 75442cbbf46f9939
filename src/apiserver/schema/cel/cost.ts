import { childNode } from '../structural.ts';
import type { StructuralNode } from '../structural.ts';
import { childrenOf, type Expr } from './expression.ts';
import { unescapeProperty } from './values.ts';

/** Largest request: what an unbounded list, map or string can be at most. */
const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
/** One byte of text against one step of a rule. */
const TEXT_FACTOR = 0.1;
const TEXT_FUNCTIONS: ReadonlySet<string> = new Set([
  'contains',
  'startsWith',
  'endsWith',
  'find',
  'findAll',
  'split',
  'replace',
]);

type Scope = ReadonlyMap<string, StructuralNode | undefined>;

/**
 * Upper estimate of the steps that evaluating `expr` on a value of schema `self` takes, from maxItems, maxProperties
 * and maxLength; what is unbounded counts as filling a whole request.
 */
export function estimateCost(expr: Expr, self: StructuralNode): number {
  return costOf(
    expr,
    new Map([
      ['self', self],
      ['oldSelf', self],
    ]),
  );
}

/** How often a rule below `node` runs at most: items of a list, members of a map. */
export function sizeBound(node: StructuralNode | undefined): number {
  if (node === undefined) return MAX_REQUEST_BYTES;
  const { source } = node;
  switch (node.type) {
    case 'array':
      return bound(source['maxItems']) ?? MAX_REQUEST_BYTES / (minBytes(node.items) + 1);
    case 'string':
      return bound(source['maxLength']) ?? enumLength(source['enum']) ?? MAX_REQUEST_BYTES;
    case 'object':
      return objectBound(node);
    default:
      return 1;
  }
}

function objectBound(node: StructuralNode): number {
  if (node.properties.size > 0) return node.properties.size;
  const member = typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
  return bound(node.source['maxProperties']) ?? MAX_REQUEST_BYTES / (minBytes(member) + 4);
}

function bound(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function enumLength(values: unknown): number | undefined {
  return Array.isArray(values) ? Math.max(...values.map((one) => String(one).length)) : undefined;
}

/** Fewest bytes that a value takes in JSON. */
function minBytes(node: StructuralNode | undefined): number {
  if (node?.type !== 'object') return node?.type === 'boolean' ? 4 : 2;
  const required = node.source['required'];
  const names = Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];
  return names.reduce((total, name) => total + name.length + 4 + minBytes(childNode(node, name)), 2);
}

function costOf(expr: Expr, scope: Scope): number {
  const { exprKind } = expr;
  if (exprKind.case === 'comprehensionExpr') {
    const { iterRange, iterVar, loopCondition, loopStep, result } = exprKind.value;
    if (iterRange === undefined) return 1;
    const range = nodeOf(iterRange, scope);
    const element = range?.type === 'array' ? range.items : undefined;
    const inner = new Map([...scope, [iterVar, element] as const]);
    const each = [loopCondition, loopStep].reduce((sum, one) => sum + (one === undefined ? 0 : costOf(one, inner)), 0);
    return (
      costOf(iterRange, scope) + rangeSize(iterRange, range) * each + (result === undefined ? 0 : costOf(result, inner))
    );
  }
  const own = exprKind.case === 'callExpr' ? callCost(exprKind.value.function, childrenOf(expr), scope) : 1;
  return childrenOf(expr).reduce((sum, child) => sum + costOf(child, scope), own);
}

/** A list written in the rule has the size it has. */
function rangeSize(range: Expr, node: StructuralNode | undefined): number {
  return range.exprKind.case === 'listExpr' ? range.exprKind.value.elements.length : sizeBound(node);
}

function callCost(name: string, args: readonly Expr[], scope: Scope): number {
  const first = args[0] && nodeOf(args[0], scope);
  if (name === 'matches') return sizeBound(first) * TEXT_FACTOR * patternLength(args[1]);
  if (TEXT_FUNCTIONS.has(name) || name === '_==_' || name === '_!=_')
    return 1 + (first === undefined ? 0 : sizeBound(first) * TEXT_FACTOR);
  return 1;
}

function patternLength(expr: Expr | undefined): number {
  const constant = expr?.exprKind.case === 'constExpr' ? expr.exprKind.value.constantKind : undefined;
  return constant?.case === 'stringValue' ? Math.max(1, constant.value.length * 0.25) : MAX_REQUEST_BYTES;
}

/** The schema of what an expression selects; undefined when it is no part of the object. */
function nodeOf({ exprKind }: Expr, scope: Scope): StructuralNode | undefined {
  if (exprKind.case === 'identExpr') return scope.get(exprKind.value.name);
  if (exprKind.case === 'selectExpr') {
    const { operand, field } = exprKind.value;
    return operand && childNode(nodeOf(operand, scope), unescapeProperty(field));
  }
  if (exprKind.case !== 'callExpr' || exprKind.value.function !== '_[_]') return undefined;
  const [container] = exprKind.value.args;
  return container && elementOf(nodeOf(container, scope));
}

function elementOf(node: StructuralNode | undefined): StructuralNode | undefined {
  return node?.items ?? (typeof node?.additionalProperties === 'object' ? node.additionalProperties : undefined);
}
