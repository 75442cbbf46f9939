import { isJsonObject, type JsonValue } from '../codec/json.ts';
import { badRequest } from '../http/status.ts';

/** Where a paged list goes on. */
export interface Position {
  /** The revision of the first page; -1 = the newest, whatever it is by then. */
  revision: number;
  /** Key to go on from. */
  start: string;
}

const VERSION = 'meta.k8s.io/v1';

/** The opaque token for `position`; keys in it are relative to `prefix`. */
export function encodeContinue(position: Position, prefix: string): string {
  const token = { v: VERSION, rv: position.revision, start: position.start.slice(prefix.length) };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

/** Reads a token made for `prefix`. @throws ApiError 400 for anything else. */
export function decodeContinue(token: string, prefix: string): Position {
  const parsed = parse(token);
  if (parsed === undefined)
    throw badRequest('invalid continue token: continue key is not valid: incorrect encoding or version');
  const { revision, start } = parsed;
  const wanders = start.split('/').some((part) => part === '..' || part === '.') || start.startsWith('/');
  if (wanders) throw badRequest('invalid continue token: continue key is not valid: it points outside of the list');
  return { revision, start: `${prefix}${start}` };
}

function parse(token: string): Position | undefined {
  const value = parseToken(token);
  if (!isJsonObject(value) || value['v'] !== VERSION) return undefined;
  const { rv, start } = value;
  if (typeof start !== 'string' || start === '' || typeof rv !== 'number') return undefined;
  const possible = Number.isSafeInteger(rv) && (rv > 0 || rv === -1);
  return possible ? { revision: rv, start } : undefined;
}

function parseToken(token: string): JsonValue {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString()) as JsonValue;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
