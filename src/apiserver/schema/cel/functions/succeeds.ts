import { EvaluationError } from '../values/errors.ts';

/** Whether `parse` takes its text. */
export function succeeds(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof EvaluationError) return false;
    throw error;
  }
}
