import { EvaluationError } from './errors.ts';
import { typeNameOf, type Value } from './value.ts';

/** A function or operator was called with values that it does not take. */
export function noSuchOverload(name?: string, ...args: readonly Value[]): EvaluationError {
  const signature = name === undefined ? '' : `: ${name}(${args.map(typeNameOf).join(', ')})`;
  return new EvaluationError(`no such overload${signature}`);
}
