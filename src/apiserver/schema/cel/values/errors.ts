/** An expression has no value: what `||`, `&&`, all and exists may absorb. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError';
}
