import { EvaluationError } from '../values/errors.ts';
import type { Value } from '../values/value.ts';

/** One call may not cost more; Kubernetes' PerCallLimit. */
const CALL_LIMIT = 1_000_000;

/** One evaluation of an expression. */
export interface Frame {
  /** Variables by their place. An error stands for an accumulator that has none: whoever reads it fails. */
  slots: (Value | EvaluationError | undefined)[];
  cost: number;
}

/** A part of an expression, ready to be evaluated. @throws EvaluationError  when it has no value. */
export type Step = (frame: Frame) => Value;

/** The evaluation costs more than one may. Nothing absorbs this. */
export class CostExceeded extends Error {
  constructor() {
    super('operation cancelled: actual cost limit exceeded');
    this.name = 'CostExceeded';
  }
}

/** Counts `cost`. @throws CostExceeded */
export function charge(frame: Frame, cost: number): void {
  frame.cost += cost;
  if (frame.cost > CALL_LIMIT) throw new CostExceeded();
}

/** The variable at `slot`. @throws EvaluationError  when it has no value. */
export function read(frame: Frame, slot: number): Value {
  const value = frame.slots[slot];
  if (value instanceof EvaluationError) throw value;
  if (value === undefined) throw new EvaluationError('no such attribute');
  return value;
}
