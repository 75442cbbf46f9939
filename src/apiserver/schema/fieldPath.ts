import type { StructuralNode } from './structural.ts';

/** A path that was found in a schema. */
export interface FoundPath {
  /** Names and keys on the way, and the path as errors show it. */
  steps: readonly string[];
  text: string;
  node: StructuralNode | undefined;
}

const TOKEN = /\.|\[|\]|'(?:[^'\\]|\\[^])*'|[^.[\]]+/gy;
const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  "'": "'",
  '\\': '\\',
};

/** Reads `.spec.x['a.b']` and looks it up in `schema`. @returns what was found, or what is wrong. */
export function checkFieldPath(
  path: string,
  schema: StructuralNode,
  allowBrackets: boolean,
): FoundPath | { problem: string } {
  const tokens = path.match(TOKEN) ?? [];
  const found: { steps: string[]; text: string; node: StructuralNode } = { steps: [], text: '', node: schema };
  while (tokens.length > 0) {
    const name = nextName(tokens, allowBrackets);
    if (typeof name === 'object') return name;
    const problem = descend(found, name);
    if (problem !== undefined) return { problem };
  }
  return found;
}

/** Takes one step (`.name` or `['name']`) off the tokens. */
function nextName(tokens: string[], allowBrackets: boolean): string | { problem: string } {
  const token = tokens.shift();
  if (token !== '.' && token !== '[') return { problem: `expected [ or . but got: ${token ?? ''}` };
  if (token === '[' && !allowBrackets) return { problem: 'array notation is not allowed' };
  return (token === '.' ? tokens.shift() : bracketName(tokens)) ?? { problem: 'unexpected end of JSON path' };
}

function descend(found: { steps: string[]; text: string; node: StructuralNode }, name: string): string | undefined {
  const { properties, additionalProperties } = found.node;
  const isNamed = properties.size > 0;
  const next = isNamed
    ? properties.get(name)
    : typeof additionalProperties === 'object'
      ? additionalProperties
      : undefined;
  if (next === undefined) return 'does not refer to a valid field';
  found.steps.push(name);
  found.text += isNamed ? `${found.text === '' ? '' : '.'}${name}` : `[${name}]`;
  found.node = next;
  return undefined;
}

function bracketName(tokens: string[]): string | { problem: string } | undefined {
  const quoted = tokens.shift();
  if (quoted === undefined) return undefined;
  if (!/^'[^]*'$/.test(quoted)) return { problem: `expected single quoted string but got ${quoted}` };
  const bad = /\\[^abfnrtv'\\]/.exec(quoted)?.[0];
  if (bad !== undefined) return { problem: `invalid string literal: invalid escape char ${bad}` };
  const close = tokens.shift();
  if (close !== ']') return close === undefined ? undefined : { problem: `expected ] but got ${close}` };
  return quoted.slice(1, -1).replace(/\\([^])/g, (_all, letter: string) => ESCAPES[letter] ?? letter);
}
