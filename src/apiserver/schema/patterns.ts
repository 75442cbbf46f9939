import { RE2JS } from 're2js';

/** Compiled patterns kept; a CRD has some dozens, rules compute few. */
const MAX_CACHED = 2000;
/** A longer pattern would compile to an automaton of many megabytes. */
const MAX_PATTERN_LENGTH = 10_000;

const cache = new Map<string, RE2JS>();

/**
 * A compiled RE2 pattern (linear time whatever the text). Users' patterns run on nothing else.
 * @throws Error  with RE2's text when the pattern is not valid.
 */
export function compilePattern(pattern: string): RE2JS {
  const known = cache.get(pattern);
  if (known !== undefined) return known;
  if (pattern.length > MAX_PATTERN_LENGTH) throw new Error(`pattern is longer than ${MAX_PATTERN_LENGTH} characters`);
  const compiled = RE2JS.compile(pattern);
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(pattern, compiled);
  return compiled;
}

/** True when some part of `text` matches `pattern`. @throws Error  when the pattern is not valid. */
export function matchesPattern(pattern: string, text: string): boolean {
  return compilePattern(pattern).test(text);
}

/** What is wrong with `pattern`; undefined = it compiles. */
export function checkPattern(pattern: string): string | undefined {
  try {
    compilePattern(pattern);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
