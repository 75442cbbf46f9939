import type { JsonValue } from '../codec/json.ts';

/** A path that cannot be compiled. */
export class JsonPathError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JsonPathError';
  }
}

/** `[from:to:step]`; `[2]` is `[2:3]`. Negative numbers count from the end. */
export interface Slice {
  kind: 'slice';
  from: number;
  to: number | undefined;
  step: number;
}

/** `?(left operator right)`. */
export interface Comparison {
  left: readonly Step[];
  operator: 'exists' | '==' | '!=' | '<' | '<=' | '>' | '>=';
  right: readonly Step[];
}

/** One step of a path: from one value to the values it leads to. */
export type Step =
  | { kind: 'field'; name: string }
  | { kind: 'wildcard' }
  | { kind: 'recursive' }
  | Slice
  | { kind: 'union'; paths: readonly (readonly Step[])[] }
  | { kind: 'filter'; comparison: Comparison }
  | { kind: 'literal'; value: JsonValue };

const MAX_LENGTH = 4096;
const OPERATORS = ['==', '!=', '<=', '>=', '<', '>'] as const;

/** Parses `text`, with or without braces around it. @throws JsonPathError. */
export function parseJsonPath(text: string): readonly Step[] {
  if (text.length > MAX_LENGTH) throw new JsonPathError(`the path has more than ${MAX_LENGTH} characters`);
  const inner = /^\{([^]*)\}$/.exec(text)?.[1] ?? text;
  return parseSteps(inner);
}

function parseSteps(text: string): Step[] {
  const steps: Step[] = [];
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const [length, step] = parseStep(rest, steps);
    if (step !== undefined) steps.push(step);
    at += length;
  }
  return steps;
}

/** How long the first step of `text` is, and the step. */
function parseStep(text: string, before: readonly Step[]): [number, Step | undefined] {
  if (text.startsWith('[?(')) return parseFilter(text);
  if (text.startsWith('..')) return parseRecursive(text, before);
  switch (text[0]) {
    case ' ':
    case '@':
    case '$':
      return [1, undefined];
    case '.':
      return parseField(text, 1);
    case '[':
      return parseBracket(text);
    case '"':
    case "'":
      return parseQuoted(text, text[0]);
    default:
      return parseWord(text);
  }
}

function parseRecursive(text: string, before: readonly Step[]): [number, Step] {
  if (before.at(-1)?.kind === 'recursive') throw new JsonPathError('invalid multiple recursive descent');
  // The field behind `..` is read as the next step; the dot belongs to it.
  return [/^\.\.[\p{L}\p{N}_*]/u.test(text) ? 1 : 2, { kind: 'recursive' }];
}

function parseField(text: string, from: number): [number, Step] {
  const word = /^(?:\\[^]|[^\s.,[\]$@{}\\])*/u.exec(text.slice(from))?.[0] ?? '';
  const name = word.replace(/\\([^]?)/g, '$1');
  return [from + word.length, name === '*' ? { kind: 'wildcard' } : { kind: 'field', name }];
}

function parseBracket(text: string): [number, Step] {
  const key = /^\['((?:[^'\\]|\\[^])*)'\]/.exec(text);
  if (key !== null) return [key[0].length, { kind: 'field', name: (key[1] ?? '').replace(/\\([^])/g, '$1') }];
  const end = text.indexOf(']');
  if (end < 0) throw new JsonPathError('unterminated array');
  const inner = text.slice(1, end);
  if (inner === '*') return [end + 1, { kind: 'slice', from: 0, to: undefined, step: 1 }];
  const parts = inner.split(',');
  if (parts.length > 1) {
    return [end + 1, { kind: 'union', paths: parts.map((part) => parseSteps(`[${part.trim()}]`)) }];
  }
  return [end + 1, parseSlice(inner)];
}

function parseSlice(inner: string): Slice {
  const match = /^(-?\d*)(:-?\d*)?(:-?\d*)?$/.exec(inner);
  if (match === null || inner === '') throw new JsonPathError(`invalid array index ${inner}`);
  const [, first = '', second, third] = match;
  const from = first === '' ? 0 : Number(first);
  const step = third === undefined || third === ':' ? 1 : Number(third.slice(1));
  if (step < 1) throw new JsonPathError('step must be > 0');
  if (second === undefined) return { kind: 'slice', from, to: from + 1, step };
  return { kind: 'slice', from, to: second === ':' ? undefined : Number(second.slice(1)), step };
}

function parseFilter(text: string): [number, Step] {
  const end = filterEnd(text);
  const inner = text.slice('[?('.length, end);
  const match = /^([^!<>=]+)([!<>=]+)([^]+)$/.exec(inner);
  const comparison: Comparison =
    match === null
      ? { left: parseSteps(inner), operator: 'exists', right: [] }
      : { left: parseSteps(match[1] ?? ''), operator: operatorOf(match[2] ?? ''), right: parseSteps(match[3] ?? '') };
  return [end + ')]'.length, { kind: 'filter', comparison }];
}

/** Where the `)]` that ends a filter stands; quoted text may hold one, too. */
function filterEnd(text: string): number {
  const match = /^\[\?\((?:"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'|[^"')])*\)\]/.exec(text);
  if (match === null) throw new JsonPathError('unterminated filter');
  return match[0].length - ')]'.length;
}

function operatorOf(text: string): Comparison['operator'] {
  const operator = OPERATORS.find((candidate) => candidate === text);
  if (operator === undefined) throw new JsonPathError(`unrecognized filter operator ${text}`);
  return operator;
}

function parseQuoted(text: string, quote: string): [number, Step] {
  const pattern = quote === '"' ? /^"((?:[^"\\]|\\[^])*)"/ : /^'((?:[^'\\]|\\[^])*)'/;
  const match = pattern.exec(text);
  if (match === null) throw new JsonPathError('unterminated quoted string');
  return [match[0].length, { kind: 'literal', value: (match[1] ?? '').replace(/\\([^])/g, '$1') }];
}

function parseWord(text: string): [number, Step] {
  const number = /^[+-]?\d+(?:\.\d+)?/.exec(text)?.[0];
  if (number !== undefined) return [number.length, { kind: 'literal', value: Number(number) }];
  const word = /^(true|false)(?![\p{L}\p{N}_])/u.exec(text)?.[1];
  if (word !== undefined) return [word.length, { kind: 'literal', value: word === 'true' }];
  const identifier = /^[\p{L}\p{N}_]+/u.exec(text)?.[0];
  if (identifier !== undefined) throw new JsonPathError(`unrecognized identifier ${identifier}`);
  throw new JsonPathError(`unrecognized character in action: ${JSON.stringify(text[0] ?? '')}`);
}
