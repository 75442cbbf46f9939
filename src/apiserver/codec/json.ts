/**
 * A JSON value as the API server holds it.
 *
 * Integers that a JavaScript number cannot hold exactly (|n| > 2^53 - 1, within int64) are `bigint`; every other
 * number is `number`. A bigint is never used where a number would do, so equality by `===` is right for both.
 * Objects are plain; a key `__proto__` never occurs (it is refused when decoding). Use `Object.hasOwn` to ask for a
 * key: `constructor` and `toString` are ordinary keys.
 */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | JsonObject;

/** A JSON object, see {@link JsonValue}. */
export interface JsonObject {
  [key: string]: JsonValue;
}
