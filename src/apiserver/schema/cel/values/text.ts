import { doubleText, Uint } from './numbers.ts';
import { Duration, durationText, Timestamp, timestampText } from './time.ts';
import { typeNameOf, TypeValue, type Value } from './value.ts';

/** `value` as error messages show it. */
export function valueText(value: Value): string {
  if (value === null) return 'null';
  if (typeof value === 'number') return doubleText(value);
  if (value instanceof Uint) return value.value.toString();
  if (value instanceof Duration) return durationText(value);
  if (value instanceof Timestamp) return timestampText(value);
  if (value instanceof TypeValue) return value.typeName;
  return typeof value === 'object' ? typeNameOf(value) : String(value);
}
