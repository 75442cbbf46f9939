import { canonicalJson } from '../../../lib/canonicalJson.ts';
import type { Json } from '../../task.ts';

/** A member of the outermost object: where its value begins and ends in the text. */
interface Member {
  key: string;
  start: number;
  end: number;
}

/**
 * Sets members of the object that `text` holds and leaves every other byte as it is: order, indentation, numbers that
 * JavaScript could not repeat. New members go to the end; of a key that stands there twice the last one counts, as for
 * the daemon. `text` must be a JSON object or empty.
 */
export function setMembers(text: string, values: ReadonlyMap<string, Json>): string {
  const source = text.trim() === '' ? '{}' : text;
  const indent = indentOf(source);
  let result = source;
  for (const [key, value] of values) {
    const printed = JSON.stringify(value, null, indent.unit).replaceAll('\n', `\n${indent.unit}`);
    const members = membersOf(result);
    const member = members.findLast((candidate) => candidate.key === key);
    result =
      member === undefined
        ? append(result, members, `${JSON.stringify(key)}: ${printed}`, indent)
        : result.slice(0, member.start) + printed + result.slice(member.end);
  }
  return `${result.trimEnd()}\n`;
}

interface Indent {
  /** What stands before a member. */
  before: string;
  /** One level. */
  unit: string;
}

function indentOf(text: string): Indent {
  const space = /^\s*\{(\s*)"/.exec(text)?.[1] ?? '\n  ';
  const unit = /\n([ \t]+)$/.exec(space)?.[1] ?? '';
  return { before: unit === '' ? (space === '' ? '' : ' ') : `\n${unit}`, unit };
}

function append(text: string, members: readonly Member[], printed: string, { before }: Indent): string {
  const last = members.at(-1);
  if (last === undefined) {
    const open = text.indexOf('{') + 1;
    const close = text.lastIndexOf('}');
    return `${text.slice(0, open)}${before}${printed}${before.startsWith('\n') ? '\n' : before}${text.slice(close)}`;
  }
  return `${text.slice(0, last.end)},${before === '' ? ' ' : before}${printed}${text.slice(last.end)}`;
}

/** Members of the outermost object of valid JSON. */
function membersOf(text: string): Member[] {
  const members: Member[] = [];
  let position = skipSpace(text, text.indexOf('{') + 1);
  while (text[position] === '"') {
    const keyEnd = endOfValue(text, position);
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = endOfValue(text, start);
    members.push({ key: String(JSON.parse(text.slice(position, keyEnd))), start, end });
    position = skipSpace(text, skipSpace(text, end) + 1);
  }
  return members;
}

function skipSpace(text: string, from: number): number {
  let position = from;
  while (/\s/.test(text[position] ?? '')) position++;
  return position;
}

/** Position behind the string, number, word, array or object that begins at `from`. */
function endOfValue(text: string, from: number): number {
  // strings as a whole, then brackets, then everything else up to a separator
  const token = /"(?:[^"\\]|\\.)*"|[[\]{}]|[^\s,:[\]{}"]+/gy;
  let depth = 0;
  let position = from;
  do {
    token.lastIndex = position;
    const found = token.exec(text)?.[0];
    if (found === '{' || found === '[') depth++;
    if (found === '}' || found === ']') depth--;
    // between tokens of a nested value stand separators
    position += found?.length ?? 1;
  } while (depth > 0 && position < text.length);
  return position;
}

/**
 * Keys that a running daemon takes over on SIGHUP; all others need a restart.
 * Source: dockerd(8), "Configuration reload behavior"; moby daemon/reload.go.
 */
const RELOADABLE: ReadonlySet<string> = new Set([
  'authorization-plugins',
  'debug',
  'default-runtime',
  'features',
  'insecure-registries',
  'labels',
  'live-restore',
  'max-concurrent-downloads',
  'max-concurrent-uploads',
  'max-download-attempts',
  'registry-mirrors',
  'runtimes',
  'shutdown-timeout',
]);

/** True when the daemon takes `key` over without a restart. */
export function isReloadable(key: string): boolean {
  return RELOADABLE.has(key);
}

/** Members of `wanted` that `current` does not have, or has with another value. */
export function differing(
  wanted: Readonly<Record<string, Json>>,
  current: Readonly<Record<string, unknown>>,
): Map<string, Json> {
  return new Map(
    Object.entries(wanted).filter(
      ([key, value]) => !Object.hasOwn(current, key) || canonicalJson(current[key]) !== canonicalJson(value),
    ),
  );
}

const SECRET_NAME = /token|secret|passw|credential|(?:^|[-_.])(?:api)?key$/i;

/** `value` for people: without what looks like a credential. */
export function printable(key: string, value: unknown): string {
  const masked = JSON.stringify(value, (name, member: unknown) => {
    if (typeof member !== 'string') return member;
    if (SECRET_NAME.test(name === '' ? key : name)) return '[redacted]';
    return member.replace(/:\/\/[^/@\s]+@/g, '://[redacted]@');
  });
  return masked.length > 300 ? `${masked.slice(0, 297)}...` : masked;
}
