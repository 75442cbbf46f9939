import * as types from '../types/type.ts';
import { EvaluationError } from '../values/errors.ts';
import { parseQuantity, Quantity, QUANTITY } from '../values/quantity.ts';
import * as is from './declare.ts';
import { func, instance, method, type Library } from './declare.ts';
import { succeeds } from './succeeds.ts';

const quantity = instance(QUANTITY, Quantity);

/** Kubernetes' quantities. */
export const quantities: Library = {
  quantity: [func('string_to_quantity', [is.STRING], QUANTITY, parseQuantity)],
  isQuantity: [
    func('is_quantity_string', [is.STRING], types.BOOL, (text: string) => succeeds(() => parseQuantity(text))),
  ],
  sign: [func('quantity_sign', [quantity], types.INT, (a: Quantity) => BigInt(a.sign))],
  isGreaterThan: [
    method(
      'quantity_is_greater_than',
      [quantity, quantity],
      types.BOOL,
      (a: Quantity, b: Quantity) => a.compareTo(b) > 0,
    ),
  ],
  isLessThan: [
    method('quantity_is_less_than', [quantity, quantity], types.BOOL, (a: Quantity, b: Quantity) => a.compareTo(b) < 0),
  ],
  compareTo: [
    method('quantity_compare_to', [quantity, quantity], types.INT, (a: Quantity, b: Quantity) =>
      BigInt(a.compareTo(b)),
    ),
  ],
  asApproximateFloat: [method('quantity_get_float', [quantity], types.DOUBLE, (a: Quantity) => a.approximate)],
  asInteger: [
    method('quantity_get_int', [quantity], types.INT, (a: Quantity) => {
      if (a.integer === undefined) throw new EvaluationError('cannot convert value to integer');
      return a.integer;
    }),
  ],
  isInteger: [method('quantity_is_integer', [quantity], types.BOOL, (a: Quantity) => a.integer !== undefined)],
  add: [
    method('quantity_add', [quantity, quantity], QUANTITY, (a: Quantity, b: Quantity) => a.plus(b)),
    method('quantity_add_int', [quantity, is.INT], QUANTITY, (a: Quantity, b: bigint) => a.plus(Quantity.of(b))),
  ],
  sub: [
    method('quantity_sub', [quantity, quantity], QUANTITY, (a: Quantity, b: Quantity) => a.plus(b, -1n)),
    method('quantity_sub_int', [quantity, is.INT], QUANTITY, (a: Quantity, b: bigint) => a.plus(Quantity.of(b), -1n)),
  ],
};
