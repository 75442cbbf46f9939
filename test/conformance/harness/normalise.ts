import type { IncomingHttpHeaders } from 'node:http';
import type { Names } from './names.ts';
import type { Endpoint } from './side.ts';

/** Headers that some client reads. */
const HEADERS = [
  'content-type',
  'warning',
  'retry-after',
  'cache-control',
  'vary',
  'www-authenticate',
  'allow',
  'location',
] as const;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const TIMES = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;
const AGE = /^(\d+[smhd])+$/;

/** A copy of `member` of an object without what differs by nature, as far as the name of the member tells. */
export function normaliseMember(key: string, member: unknown): unknown {
  if (typeof member === 'string') return timeless(key, member);
  // texts for people, which no client reads
  if (key === 'columnDefinitions' && Array.isArray(member)) return member.map(withoutDescription);
  // their order follows from the second in which each was written
  if (key === 'managedFields' && Array.isArray(member))
    return [...member].sort((a, b) => (ownerOf(a) < ownerOf(b) ? -1 : 1));
  if (key === 'cells' && Array.isArray(member))
    return member.map((cell: unknown) => (typeof cell === 'string' ? ageless(cell) : cell));
  return member;
}

/**
 * A failure with several causes names them in the order in which Go happened to walk a map, and some twice: sorted,
 * each once, and the message without them.
 */
export function withSortedCauses(status: Record<string, unknown>): Record<string, unknown> {
  const { details, message } = status;
  if (status['kind'] !== 'Status' || !isObject(details) || !Array.isArray(details['causes'])) return status;
  const causes = [...new Set(details['causes'].map((cause) => JSON.stringify(cause)))].sort();
  if (causes.length === 1 && details['causes'].length === 1) return status;
  const until = String(message).indexOf(' is invalid: ');
  return {
    ...status,
    message: until < 0 ? message : `${String(message).slice(0, until)} is invalid: …`,
    details: { ...details, causes: causes.map((cause) => JSON.parse(cause) as unknown) },
  };
}

/** Of a document, in an address. */
const HASH = /(?<=\?hash=)[0-9A-F]+/;

/** Those headers that clients read. */
export function headersThatMatter(headers: IncomingHttpHeaders, names: Names): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const name of HEADERS) {
    const value = headers[name];
    if (value !== undefined) found[name] = names.inText([value].flat().join(', ')).replace(HASH, '<hash>');
  }
  if (headers.etag !== undefined) found['etag'] = '<etag>';
  return found;
}

/** What a command printed without ages, times, addresses and the widths of columns that follow from them. */
export function normaliseText(text: string, { url }: Endpoint): string {
  return text
    .replaceAll(url, '<server>')
    .replaceAll(new URL(url).host, '<server>')
    .replaceAll(TIMES, '<time>')
    .replaceAll(/\b\d+(?:s|m|ms|m\d+s)\b(?= *$| {2,})/gm, '<age>')
    .replaceAll(/[EWI]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ /g, '<log> ')
    .replaceAll(/ {2,}/g, '  ')
    .replaceAll(/ +$/gm, '');
}

function timeless(key: string, text: string): string {
  if (key === 'continue' && text !== '') return '<continue>';
  // given by clients in these, so that what becomes of them matters
  return TIME.test(text) && !/^(acquireTime|renewTime|when)$/.test(key) ? '<time>' : text;
}

/** What kube-apiserver says itself of a column of which its definition says nothing. */
const GIVEN = 'Custom resource definition column';

function withoutDescription(column: unknown): unknown {
  if (!isObject(column)) return column;
  return Object.fromEntries(
    Object.entries(column).filter(([key, value]) => key !== 'description' || String(value).startsWith(GIVEN)),
  );
}

function ownerOf(entry: unknown): string {
  return isObject(entry) ? [entry['manager'], entry['operation'], entry['subresource']].join(' ') : '';
}

/** A cell of a table, of which some show the second in which an object was made. */
function ageless(cell: string): string {
  return AGE.test(cell) ? '<age>' : timeless('cells', cell);
}

/** A JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
