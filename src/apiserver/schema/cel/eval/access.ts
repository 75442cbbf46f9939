import { EvaluationError } from '../values/errors.ts';
import { CelList } from '../values/list.ts';
import { CelMap } from '../values/map.ts';
import { Uint } from '../values/numbers.ts';
import { valueText } from '../values/text.ts';
import { Optional, typeNameOf, type Value } from '../values/value.ts';

/** `container[key]` and `container.key`; what is selected from an optional is optional. @throws EvaluationError */
export function access(container: Value, key: Value): Value {
  if (container instanceof Optional) return accessOptional(container, key);
  const found = find(container, key);
  if (found !== undefined) return found;
  throw new EvaluationError(
    container instanceof CelList ? `index out of bounds: ${valueText(key)}` : `no such key: ${valueText(key)}`,
  );
}

/** `container[?key]` and `container.?key`. */
export function accessOptional(container: Value, key: Value): Optional {
  const inner = container instanceof Optional ? container.value : container;
  const found = inner === undefined ? undefined : find(inner, key);
  return found === undefined ? Optional.none : new Optional(found);
}

/** has(container.key). */
export function isPresent(container: Value, key: Value): boolean {
  const inner = container instanceof Optional ? container.value : container;
  return inner !== undefined && find(inner, key) !== undefined;
}

/** undefined = not there; nothing is in what is no container. */
function find(container: Value, key: Value): Value | undefined {
  if (container instanceof CelMap) return container.find(key);
  if (!(container instanceof CelList)) return undefined;
  const index = indexOf(key);
  return index >= 0 && index < container.size ? container.at(index) : undefined;
}

function indexOf(key: Value): number {
  if (typeof key === 'bigint') return Number(key);
  if (key instanceof Uint) return Number(key.value);
  if (typeof key === 'number' && Number.isInteger(key)) return key;
  throw new EvaluationError(`unsupported index type '${typeNameOf(key)}' in list`);
}
