import { BodyError } from './bodyError.ts';

/** The YAML library needs seconds for a megabyte; real clients send JSON, also under the YAML media types. */
const MAX_YAML_BYTES = 256 * 1024;
/** Deeply nested YAML exhausts the library's stack, which can end the whole process (V8's regular expressions). */
const MAX_YAML_DEPTH = 200;
const LEADING_INDICATORS = /^ *(?:[-?:] +)*/;

/**
 * Refuses text that the YAML library cannot read in bounded time and stack.
 * The depth is an upper bound: brackets inside quoted text count, too.
 * @throws BodyError  413 when too long, 400 when too deep.
 */
export function checkYamlLimits(text: string): void {
  if (text.length > MAX_YAML_BYTES) {
    throw new BodyError(413, `limit of YAML is ${MAX_YAML_BYTES}; send JSON instead`);
  }
  if (flowDepth(text) + blockDepth(text) > MAX_YAML_DEPTH) {
    throw new BodyError(400, `exceeded max depth of ${MAX_YAML_DEPTH} for YAML`);
  }
}

function flowDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    if (bracket === '[' || bracket === '{') deepest = Math.max(deepest, ++depth);
    else if (depth > 0) depth--;
  }
  return deepest;
}

/** Keeps the columns at which the open blocks start; every indicator in front of a line opens one more. */
function blockDepth(text: string): number {
  const columns: number[] = [];
  let deepest = 0;
  for (const line of text.split('\n')) {
    const lead = LEADING_INDICATORS.exec(line)?.[0] ?? '';
    if (lead.length === line.length && lead.trim() === '') continue;
    const indent = line.length - line.trimStart().length;
    while ((columns.at(-1) ?? -1) >= indent) columns.pop();
    columns.push(indent, ...columnsAfter(lead, indent));
    deepest = Math.max(deepest, columns.length);
  }
  return deepest;
}

function columnsAfter(lead: string, indent: number): number[] {
  const columns = Array.from(lead.slice(indent + 1)).flatMap((char, at) => (char === ' ' ? [] : [indent + 1 + at]));
  return lead.length > indent ? [...columns, lead.length] : columns;
}
