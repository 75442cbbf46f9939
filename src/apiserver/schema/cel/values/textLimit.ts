import { EvaluationError } from './errors.ts';

/** Some times the largest request: what one function may make of it. The cost of a call is counted only when it is done. */
const MAX_LENGTH = 16 * 1024 * 1024;

/** @throws EvaluationError  when a text would be longer than any rule can need. */
export function checkLength(length: number): void {
  if (length > MAX_LENGTH) throw new EvaluationError(`text of ${length} characters is too long`);
}
