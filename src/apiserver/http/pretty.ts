import type { IncomingMessage } from 'node:http';

/** Programs that show an answer to a person as it comes. */
const SHOWN_AS_IT_COMES = /^(?:curl|Wget|Mozilla\/5\.0)/;
const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;

/** Whether JSON is to be laid out for a person: by `?pretty=`, else by the client's name, as in kube-apiserver. */
export function wantsPretty({ url = '', headers }: IncomingMessage): boolean {
  const asked = url.includes('pretty') ? new URL(url, 'http://localhost').searchParams.get('pretty') : null;
  if (asked !== null && asked !== '') return TRUE.has(asked);
  return SHOWN_AS_IT_COMES.test(headers['user-agent'] ?? '');
}

/** JSON text laid out by two spaces a level; not a digit of it is read anew. */
export function laidOut(json: string): string {
  const parts: string[] = [];
  let line = '\n';
  let before = '';
  for (const [token] of json.matchAll(TOKENS)) {
    if (token === '}' || token === ']') {
      line = line.slice(0, -2);
      parts.push(isOpening(before) ? token : line + token);
    } else {
      if (isOpening(before)) parts.push(line);
      parts.push(spaced(token, line));
      if (isOpening(token)) line += '  ';
    }
    before = token;
  }
  return parts.join('');
}

function isOpening(token: string): boolean {
  return token === '{' || token === '[';
}

function spaced(token: string, line: string): string {
  if (token === ':') return ': ';
  return token === ',' ? token + line : token;
}
