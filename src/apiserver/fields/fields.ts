import type { JsonObject } from '../codec/json.ts';
import {
  decodeFieldsV1,
  emptySet,
  encodeFieldsV1,
  holdsAll,
  isEmptySet,
  mayOverlap,
  subtractSet,
  unionSets,
} from './fieldSet.ts';
import type { FieldSet } from './fieldSet.ts';

/**
 * The fields of one entry, immutable. Decoded and encoded only when that is needed: a write to the status leaves the
 * entries of those who wrote the spec alone, and mostly changes values whose fields its manager has already.
 */
export class Fields {
  #set: FieldSet | undefined;
  #encoded: JsonObject | undefined;

  private constructor(set: FieldSet | undefined, encoded: JsonObject | undefined) {
    this.#set = set;
    this.#encoded = encoded;
  }

  /** The fields in `set`. */
  static of(set: FieldSet): Fields {
    return new Fields(set, undefined);
  }

  /** What {@link encodeFieldsV1} wrote and the server stored. */
  static stored(fieldsV1: JsonObject): Fields {
    return new Fields(undefined, fieldsV1);
  }

  /** As a set. */
  get set(): FieldSet {
    this.#set ??= decodeFieldsV1(this.#encoded ?? {}) ?? emptySet();
    return this.#set;
  }

  /** As FieldsV1. */
  get fieldsV1(): JsonObject {
    this.#encoded ??= encodeFieldsV1(this.set);
    return this.#encoded;
  }

  /** These without the paths of `lost`; the same when they have none of them. */
  without(lost: FieldSet): Fields {
    if (this.#encoded !== undefined && !mayOverlap(this.#encoded, lost)) return this;
    return Fields.of(subtractSet(this.set, lost));
  }

  /** These and the paths of `gained`; the same when they have all of them. */
  with(gained: FieldSet): Fields {
    if (this.#encoded !== undefined && holdsAll(this.#encoded, gained)) return this;
    return Fields.of(unionSets(gained, this.set));
  }

  /** True when there are none. */
  get isEmpty(): boolean {
    return this.#encoded === undefined ? isEmptySet(this.set) : Object.keys(this.#encoded).length === 0;
  }
}
