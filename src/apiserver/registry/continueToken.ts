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
  if (parsed === undefined) throw badRequest('continue key is not valid: incorrect encoding or version');
  const { revision, start } = parsed;
  const wanders = start.split('/').some((part) => part === '..' || part === '.') || start.startsWith('/');
  if (wanders) throw badRequest('continue key is not valid: it points outside of the list');
  return { revision, start: `${prefix}${start}` };
}

function parse(token: string): Position | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (typeof value !== 'object' || value === null) return undefined;
    const { v, rv, start } = value as { v?: unknown; rv?: unknown; start?: unknown };
    if (v !== VERSION || typeof start !== 'string' || start === '') return undefined;
    if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0 || rv < -1) return undefined;
    return { revision: rv, start };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
