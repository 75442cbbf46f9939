import type { CelType } from '../types/type.ts';
import type { CelList } from './list.ts';
import type { CelMap } from './map.ts';
import { Uint } from './numbers.ts';
import { Duration, Timestamp } from './time.ts';

/** A value of CEL: int is bigint, double is number. */
export type Value = null | boolean | bigint | number | string | Uint8Array | Uint | Duration | Timestamp | ObjectValue;

/** The values that bring their own equality. */
type ObjectValue = CelList | CelMap | Optional | TypeValue | Opaque;

/** A value that may be missing. */
export class Optional {
  static readonly none = new Optional(undefined);
  readonly value: Value | undefined;

  constructor(value: Value | undefined) {
    this.value = value;
  }
}

/** What type() gives. */
export class TypeValue {
  readonly typeName: string;

  constructor(typeName: string) {
    this.typeName = typeName;
  }
}

/** A value of a library: a quantity, an address. */
export abstract class Opaque {
  abstract readonly type: CelType;
  /** @throws EvaluationError  when `other` is of another type. */
  abstract equals(other: Value): boolean;
  /** What it counts as when the cost of a call is computed. */
  get size(): number {
    return 1;
  }
}

/** The type that type() gives for `value`. */
export function typeNameOf(value: Value): string {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'string':
      return 'string';
    default:
      return value === null ? 'null_type' : typeNameOfObject(value);
  }
}

function typeNameOfObject(value: Uint8Array | Uint | Duration | Timestamp | ObjectValue): string {
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Uint) return 'uint';
  if (value instanceof Duration) return 'google.protobuf.Duration';
  if (value instanceof Timestamp) return 'google.protobuf.Timestamp';
  if (value instanceof Optional) return 'optional_type';
  if (value instanceof TypeValue) return 'type';
  if (value instanceof Opaque) return value.type.name;
  return value.typeName;
}
