import { EvaluationError } from '../values/errors.ts';
import { ArrayList, CelList, GrowingList } from '../values/list.ts';
import { CelMap, EntryMap } from '../values/map.ts';
import { noSuchOverload } from '../values/overload.ts';
import type { Value } from '../values/value.ts';
import type { Frame, Step } from './frame.ts';

interface FoldOptions {
  range: Step;
  accuInit: Step;
  /** undefined = always true. */
  condition: Step | undefined;
  step: Step;
  result: Step;
  slots: { accu: number; first: number; second: number | undefined };
}

/** Evaluates a fold; see its syntax. */
export function foldStep(fold: FoldOptions): Step {
  const { accu } = fold.slots;
  return (frame) => {
    const range = fold.range(frame);
    frame.slots[accu] = growing(attempt(fold.accuInit, frame));
    for (const [first, second] of pairs(range, fold.slots.second !== undefined)) {
      frame.slots[fold.slots.first] = first;
      if (fold.slots.second !== undefined) frame.slots[fold.slots.second] = second;
      if (fold.condition !== undefined && attempt(fold.condition, frame) === false) break;
      const next = attempt(fold.step, frame);
      frame.slots[accu] = next;
      if (fold.condition === undefined && next instanceof EvaluationError) break;
    }
    const made = frame.slots[accu];
    if (made instanceof GrowingList) frame.slots[accu] = made.finish();
    return fold.result(frame);
  };
}

/** What the accumulator becomes: all and exists go on after an error. */
function attempt(step: Step, frame: Frame): Value | EvaluationError {
  try {
    return step(frame);
  } catch (error) {
    if (error instanceof EvaluationError) return error;
    throw error;
  }
}

/** Accumulators are changed in place; the literal that they start from must stay as it is. */
function growing(value: Value | EvaluationError): Value | EvaluationError {
  if (value instanceof ArrayList && value.size === 0) return new GrowingList();
  return value instanceof EntryMap && value.size === 0 ? new EntryMap([]) : value;
}

function* pairs(range: Value, indexed: boolean): Generator<readonly [Value, Value]> {
  if (range instanceof CelList) {
    let index = 0n;
    for (const item of range) yield [indexed ? index++ : item, item];
  } else if (range instanceof CelMap) {
    for (const key of range.keys()) yield [key, indexed ? (range.find(key) ?? null) : null];
  } else throw noSuchOverload();
}
