import { compilePattern } from '../../patterns.ts';
import * as types from '../types/type.ts';
import { EvaluationError } from '../values/errors.ts';
import { ArrayList } from '../values/list.ts';
import * as is from './declare.ts';
import { method, type Library } from './declare.ts';

/** All parts of `text` that match, at most `count`; negative = all. */
function findAll(text: string, pattern: string, count: bigint): string[] {
  const matcher = matcherOf(text, pattern);
  const found: string[] = [];
  while ((count < 0n || found.length < Number(count)) && matcher.find()) found.push(matcher.group() ?? '');
  return found;
}

function matcherOf(text: string, pattern: string) {
  try {
    return compilePattern(pattern).matcher(text);
  } catch (error) {
    throw new EvaluationError(`Illegal regex: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Kubernetes' regular expressions. */
export const regex: Library = {
  find: [
    method(
      'string_find_string',
      [is.STRING, is.STRING],
      types.STRING,
      (text: string, pattern: string) => findAll(text, pattern, 1n)[0] ?? '',
    ),
  ],
  findAll: [
    method(
      'string_find_all_string',
      [is.STRING, is.STRING],
      types.listOf(types.STRING),
      (text: string, pattern: string) => new ArrayList(findAll(text, pattern, -1n)),
    ),
    method(
      'string_find_all_string_int',
      [is.STRING, is.STRING, is.INT],
      types.listOf(types.STRING),
      (text: string, pattern: string, count: bigint) => new ArrayList(findAll(text, pattern, count)),
    ),
  ],
};
