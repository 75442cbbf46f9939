import type { CallCost } from '../cost/runtime.ts';
import type { Overload } from '../functions/declare.ts';
import { EvaluationError } from '../values/errors.ts';
import { noSuchOverload } from '../values/overload.ts';
import type { Value } from '../values/value.ts';
import { charge, type Step } from './frame.ts';

interface CallOptions {
  name: string;
  /** Which the call may mean. */
  overloads: readonly Overload[];
  /** With the target first. */
  args: readonly Step[];
  /** undefined = always 1. */
  cost: CallCost | undefined;
}

/** Calls a function: with one overload it is known, with several the values of the arguments decide. */
export function callStep({ name, overloads, args, cost }: CallOptions): Step {
  const [first, second] = args;
  const [only] = overloads;
  if (cost === undefined && only !== undefined && overloads.length === 1) {
    if (args.length === 1 && first !== undefined) return unary(name, only, first);
    if (args.length === 2 && first !== undefined && second !== undefined) return binary(name, only, first, second);
  }
  return (frame) => {
    try {
      const values = args.map((arg) => arg(frame));
      const overload = overloads.find((one) => takes(one, values));
      if (overload === undefined) throw misfit(name, values);
      const result = overload.call(...values);
      charge(frame, cost === undefined ? 1 : cost(values, result));
      return result;
    } catch (error) {
      if (error instanceof EvaluationError) charge(frame, 1);
      throw error;
    }
  };
}

/** Functions whose errors show no arguments in cel-go. */
const TERSE: ReadonlySet<string> = new Set(['contains', 'startsWith', 'endsWith', 'matches', 'find', 'findAll', '@in']);

function misfit(name: string, values: readonly Value[]): EvaluationError {
  if (TERSE.has(name) || /^[^a-z@]/.test(name)) return noSuchOverload();
  return name === 'size' || name === 'sort'
    ? new EvaluationError(`no such overload: ${name}`)
    : noSuchOverload(name, ...values);
}

function takes({ takes: tests }: Overload, values: readonly Value[]): boolean {
  return values.length === tests.length && values.every((value, index) => tests[index]?.(value) === true);
}

function unary(name: string, overload: Overload, arg: Step): Step {
  const [test] = overload.takes;
  return (frame) => {
    charge(frame, 1);
    const value = arg(frame);
    if (test?.(value) !== true) throw misfit(name, [value]);
    return overload.call(value);
  };
}

function binary(name: string, overload: Overload, left: Step, right: Step): Step {
  const [testLeft, testRight] = overload.takes;
  return (frame) => {
    charge(frame, 1);
    const a = left(frame);
    const b = right(frame);
    if (testLeft?.(a) !== true || testRight?.(b) !== true) throw misfit(name, [a, b]);
    return overload.call(a, b);
  };
}
