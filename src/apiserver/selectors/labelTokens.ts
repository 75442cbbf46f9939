import { SelectorError } from './selectorError.ts';

/** One piece of a label selector; `in` and `notin` are words. */
export interface Token {
  kind: 'word' | 'symbol' | 'end';
  text: string;
}

const TOKEN = /[ \t\r\n]*(?:([=!(),<>])|([^=!(),<> \t\r\n]+))/y;
const SYMBOLS: ReadonlySet<string> = new Set([')', ',', '!', '==', '=', '>', '<', '!=', '(']);

/** Cuts a label selector into tokens; the last one has the kind `end`. */
export function scan(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) break;
    at = TOKEN.lastIndex;
    const [, symbol, word] = match;
    if (symbol === undefined) tokens.push({ kind: 'word', text: word ?? '' });
    else {
      const pair = symbol + (text[at] ?? '');
      if (SYMBOLS.has(pair)) at++;
      tokens.push({ kind: 'symbol', text: SYMBOLS.has(pair) ? pair : symbol });
    }
  }
  if (text.slice(at).trim() !== '') throw new SelectorError(`error expected: keyword found '${text.slice(at)}'`);
  return [...tokens, { kind: 'end', text: '' }];
}
