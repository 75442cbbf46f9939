import { Address, Network } from '../../src/apiserver/schema/cel/values/address.ts';
import { CelList } from '../../src/apiserver/schema/cel/values/list.ts';
import { CelMap } from '../../src/apiserver/schema/cel/values/map.ts';
import { NamedFormat } from '../../src/apiserver/schema/cel/values/namedFormat.ts';
import { doubleText, Uint } from '../../src/apiserver/schema/cel/values/numbers.ts';
import { Quantity } from '../../src/apiserver/schema/cel/values/quantity.ts';
import { Semver } from '../../src/apiserver/schema/cel/values/semver.ts';
import { Duration, Timestamp, timestampText } from '../../src/apiserver/schema/cel/values/time.ts';
import { Url } from '../../src/apiserver/schema/cel/values/url.ts';
import { Optional, TypeValue, type Value } from '../../src/apiserver/schema/cel/values/value.ts';
import { goQuote } from '../../src/apiserver/schema/goText.ts';

/** A value of CEL as the vectors write it. */
export function celText(value: Value): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return `double(${doubleText(value)})`;
  if (typeof value === 'string') return goQuote(value);
  if (value instanceof Uint8Array) return `b"${Buffer.from(value).toString('hex')}"`;
  if (value instanceof Uint) return `${value.value}u`;
  if (value instanceof Duration) return `duration(${value.nanos})`;
  if (value instanceof Timestamp) return `timestamp(${timestampText(new Timestamp(value.nanos))})`;
  if (value instanceof CelList) return `[${Array.from(value, celText).join(', ')}]`;
  if (value instanceof CelMap) {
    const entries = Array.from(value.keys(), (key) => `${celText(key)}: ${celText(value.find(key) ?? null)}`);
    return `{${entries.sort().join(', ')}}`;
  }
  if (value instanceof Optional)
    return value.value === undefined ? 'optional.none()' : `optional.of(${celText(value.value)})`;
  if (value instanceof TypeValue) return `type(${value.typeName})`;
  return opaqueText(value);
}

function opaqueText(value: Value): string {
  if (value instanceof Quantity) return `quantity(${doubleText(value.approximate)})`;
  if (value instanceof Address) return `ip(${value.text})`;
  if (value instanceof Network) return `cidr(${value.text})`;
  if (value instanceof Url) return `url(${value.text})`;
  if (value instanceof Semver) {
    const parts = [value.numbers, value.pre, value.build].map((part) => part.join('.'));
    return `semver(${parts.join(' ')})`;
  }
  return value instanceof NamedFormat ? `format(${value.name})` : 'unknown';
}
