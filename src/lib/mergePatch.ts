import { isDeepStrictEqual } from 'node:util';
import { isRecord } from './jsonObject.ts';

/**
 * The JSON merge patch (RFC 7396) that turns `from` into `to`, or undefined when they are equal.
 * Members that are absent or undefined in `to` become null, which removes them; lists are replaced as a whole.
 * Not guaranteed: a null inside `to` survives, since a merge patch cannot say it.
 */
export function mergePatch(from: unknown, to: unknown): unknown {
  if (!isRecord(to)) return isDeepStrictEqual(from, to) ? undefined : to;
  if (!isRecord(from)) return withoutUndefined(to);
  const patch: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const [before, after] = [from[name], to[name]];
    if (before === undefined && after === undefined) continue;
    const change = after === undefined ? null : mergePatch(before, after);
    if (change !== undefined) patch[name] = change;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function withoutUndefined(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}
