import { EvaluationError } from '../values/errors.ts';
import { noSuchOverload } from '../values/overload.ts';
import { Optional, type Value } from '../values/value.ts';
import { charge, type Frame, type Step } from './frame.ts';

/** `a && b`: false when any is, whatever is wrong with the others. */
export function and(terms: readonly Step[]): Step {
  return (frame) => decide(frame, terms, false);
}

/** `a || b`: true when any is, whatever is wrong with the others. */
export function or(terms: readonly Step[]): Step {
  return (frame) => decide(frame, terms, true);
}

function decide(frame: Frame, terms: readonly Step[], decisive: boolean): boolean {
  let failure: EvaluationError | undefined;
  for (const term of terms) {
    try {
      const value = term(frame);
      if (value === decisive) return decisive;
      if (typeof value !== 'boolean') throw noSuchOverload();
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return !decisive;
}

/** `a ? b : c`. */
export function conditional(condition: Step, yes: Step, no: Step): Step {
  return (frame) => {
    const value = condition(frame);
    if (typeof value !== 'boolean') throw noSuchOverload();
    return value ? yes(frame) : no(frame);
  };
}

/** False only when its argument is; true also when that has no value. */
export function notStrictlyFalse([argument]: readonly Step[]): Step {
  if (argument === undefined) throw new EvaluationError('no argument');
  return (frame) => {
    let value: Value = true;
    try {
      value = argument(frame);
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
    }
    charge(frame, 1);
    return value !== false;
  };
}

/** `a.or(b)`. */
export function optionalOr(first: Step, second: Step): Step {
  return (frame) => {
    const value = first(frame);
    return value instanceof Optional && value.value === undefined ? second(frame) : value;
  };
}

/** `a.orValue(b)`; what is no optional stays as it is. */
export function optionalOrValue(first: Step, second: Step): Step {
  return (frame) => {
    const value = first(frame);
    if (!(value instanceof Optional)) return value;
    return value.value === undefined ? second(frame) : value.value;
  };
}
