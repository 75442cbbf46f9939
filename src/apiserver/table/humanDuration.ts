const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** One level of precision: ages below `below` seconds, in `unit`s with the rest in smaller ones beside it. */
interface Precision {
  below: number;
  unit: number;
  name: string;
  rest?: { unit: number; name: string };
}

const STEPS: readonly Precision[] = [
  { below: 2 * MINUTE, unit: 1, name: 's' },
  { below: 10 * MINUTE, unit: MINUTE, name: 'm', rest: { unit: 1, name: 's' } },
  { below: 3 * HOUR, unit: MINUTE, name: 'm' },
  { below: 8 * HOUR, unit: HOUR, name: 'h', rest: { unit: MINUTE, name: 'm' } },
  { below: 2 * DAY, unit: HOUR, name: 'h' },
  { below: 8 * DAY, unit: DAY, name: 'd', rest: { unit: HOUR, name: 'h' } },
  { below: 2 * YEAR, unit: DAY, name: 'd' },
  { below: 8 * YEAR, unit: YEAR, name: 'y', rest: { unit: DAY, name: 'd' } },
];
const LONGEST: Precision = { below: Infinity, unit: YEAR, name: 'y' };

/**
 * A duration as kubectl shows ages: `45s`, `5m30s`, `3h`, `2d4h`, `400d`, `3y40d`.
 * Up to a second in the future is `0s` (clocks differ), more is `<invalid>`.
 */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  const { unit, name, rest } = STEPS.find(({ below }) => seconds < below) ?? LONGEST;
  const whole = `${Math.floor(seconds / unit)}${name}`;
  const left = rest === undefined ? 0 : Math.floor((seconds % unit) / rest.unit);
  return rest === undefined || left === 0 ? whole : `${whole}${left}${rest.name}`;
}

/** The age of an RFC 3339 time: `<unknown>` without one, `<invalid>` when it is no time. */
export function ageOf(time: unknown, now: Date): string {
  if (time === undefined || time === null || time === '') return '<unknown>';
  const then = typeof time === 'string' ? Date.parse(time) : NaN;
  return Number.isNaN(then) ? '<invalid>' : humanDuration(now.getTime() - then);
}
