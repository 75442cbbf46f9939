import { equalJson, type JsonValue } from '../../../codec/json.ts';
import { DYN } from '../types/type.ts';
import { Opaque, type Value } from '../values/value.ts';

/** A value that the schema keeps without knowing it: rules can only compare it, as a part of something else. */
export class Preserved extends Opaque {
  readonly type = DYN;
  readonly #value: JsonValue;

  constructor(value: JsonValue) {
    super();
    this.#value = value;
  }

  equals(other: Value): boolean {
    return other instanceof Preserved && equalJson(this.#value, other.#value);
  }
}
