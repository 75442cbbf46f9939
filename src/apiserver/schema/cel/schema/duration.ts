import { Duration } from '../values/time.ts';

const MAX_LENGTH = 1000;
const DAY = 86_400_000_000_000n;
/** The units that kube-openapi knows beside Go's; the last of each line is a prefix of longer ones. */
const UNITS: readonly (readonly [bigint, ...string[]])[] = [
  [1n, 'ns', 'nano'],
  [1_000n, 'us', 'µs', 'micro'],
  [1_000_000n, 'ms', 'milli'],
  [1_000_000_000n, 's', 'sec'],
  [60_000_000_000n, 'm', 'min'],
  [3_600_000_000_000n, 'h', 'hr', 'hour'],
  [DAY, 'd', 'day'],
  [7n * DAY, 'w', 'wk', 'week'],
];

/** Reads durations such as `3 days`, which the format `duration` allows beside Go's; undefined when it is none. */
export function parseWrittenDuration(text: string): Duration | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  let nanos: bigint | undefined;
  for (const [, count = '', name = ''] of text.matchAll(/(\d+)\s*([A-Za-zµ]+)/g)) {
    const unit = unitOf(name.toLowerCase());
    if (unit !== undefined) nanos = (nanos ?? 0n) + BigInt(count) * unit;
  }
  return nanos === undefined ? undefined : new Duration(nanos);
}

function unitOf(name: string): bigint | undefined {
  return UNITS.find(([, ...names]) => names.includes(name) || name.startsWith(names.at(-1) ?? name))?.[0];
}
