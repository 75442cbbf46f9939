import type { Issue } from './issues.ts';

/** One word of an expression. */
export interface Token {
  kind: 'ident' | 'escapedIdent' | 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'sign' | 'end';
  /** As written. */
  text: string;
  /** Index of its first character. */
  pos: number;
}

const ESCAPE = String.raw`\\(?:[abfnrtv"'\\?\x60]|[0-3][0-7]{2}|[xX][\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8})`;
const STRING = [
  `"""(?:${ESCAPE}|[^\\\\])*?"""`,
  `'''(?:${ESCAPE}|[^\\\\])*?'''`,
  `"(?:${ESCAPE}|[^\\\\"\\n\\r])*"`,
  `'(?:${ESCAPE}|[^\\\\'\\n\\r])*'`,
  String.raw`[rR]"""[^]*?"""`,
  String.raw`[rR]'''[^]*?'''`,
  String.raw`[rR]"[^"\n\r]*"`,
  String.raw`[rR]'[^'\n\r]*'`,
].join('|');

/** In the order in which they are tried; every one takes linear time. */
const TOKENS: readonly (readonly [Token['kind'] | 'space', RegExp])[] = [
  ['space', /(?:[\t\r\n\f ]+|\/\/[^\n]*)/uy],
  ['double', /(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)/uy],
  ['uint', /(?:0x[\da-fA-F]+|\d+)[uU]/uy],
  ['int', /(?:0x[\da-fA-F]+|\d+)/uy],
  ['bytes', new RegExp(`[bB](?:${STRING})`, 'uy')],
  ['string', new RegExp(`(?:${STRING})`, 'uy')],
  ['ident', /[A-Za-z_]\w*/uy],
  ['escapedIdent', /`[\w./ -]+`/uy],
  ['sign', /(?:==|!=|<=|>=|&&|\|\||[-[\]{}()<>.,!?:+*/%])/uy],
];

/** Splits `source` into its words; the last one is `end`. A character that begins none is reported and skipped. */
export function tokenize(source: string, issues: Issue[]): Token[] {
  const tokens: Token[] = [];
  let pos = 0;
  for (let index = 0; index < source.length;) {
    const found = match(source, index);
    const text = found?.text ?? String.fromCodePoint(source.codePointAt(index) ?? 0);
    if (found === undefined) issues.push({ pos, message: `Syntax error: token recognition error at: '${text}'` });
    else if (found.kind !== 'space') tokens.push({ kind: found.kind, text, pos });
    index += text.length;
    pos += lengthOf(text);
  }
  return [...tokens, { kind: 'end', text: '<EOF>', pos }];
}

function match(source: string, index: number): { kind: Token['kind'] | 'space'; text: string } | undefined {
  for (const [kind, pattern] of TOKENS) {
    pattern.lastIndex = index;
    const text = pattern.exec(source)?.[0];
    if (text !== undefined) return { kind, text };
  }
  return undefined;
}

/** In code points. */
function lengthOf(text: string): number {
  return Array.from(text).length;
}
