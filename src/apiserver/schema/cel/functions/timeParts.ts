import * as types from '../types/type.ts';
import { EvaluationError } from '../values/errors.ts';
import type { Duration, Timestamp } from '../values/time.ts';
import * as is from './declare.ts';
import { method, type Library, type Overload } from './declare.ts';

/** Minutes east of UTC of `zone` (`+01:30`, `Europe/Berlin`) at `seconds`. */
function offsetOf(zone: string, seconds: bigint): number {
  if (!zone.includes(':')) return namedOffset(zone, seconds);
  const colon = zone.indexOf(':');
  const hour = goInt(zone.slice(0, colon));
  const minute = goInt(zone.slice(colon + 1));
  return zone.startsWith('-') ? hour * 60 - minute : hour * 60 + minute;
}

function goInt(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new EvaluationError(`strconv.Atoi: parsing "${text}": invalid syntax`);
  return Number(text);
}

function namedOffset(zone: string, seconds: bigint): number {
  if (zone === '' || zone === 'UTC') return 0;
  const date = new Date(Number(seconds) * 1000);
  try {
    const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
    const name = format.formatToParts(date).find((part) => part.type === 'timeZoneName')?.value ?? 'GMT';
    const [, sign, hours = '0', minutes = '0'] = /GMT([+-])(\d\d):(\d\d)/.exec(name) ?? [];
    return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  } catch {
    throw new EvaluationError(`unknown time zone ${zone}`);
  }
}

/** Both forms of a method that reads one part of a timestamp: in UTC and in a zone. */
function part(id: string, read: (local: Date) => number): Overload[] {
  const at = ({ seconds, nanos }: Timestamp, minutes: number) =>
    BigInt(
      read(
        new Date(Number(seconds) * 1000 + minutes * 60_000 + Number((nanos - seconds * 1_000_000_000n) / 1_000_000n)),
      ),
    );
  return [
    method(`timestamp_to_${id}`, [is.TIMESTAMP], types.INT, (value: Timestamp) => at(value, 0)),
    method(`timestamp_to_${id}_with_tz`, [is.TIMESTAMP, is.STRING], types.INT, (value: Timestamp, zone: string) =>
      at(value, offsetOf(zone, value.seconds)),
    ),
  ];
}

function span(id: string, nanos: bigint): Overload {
  return method(`duration_to_${id}`, [is.DURATION], types.INT, (value: Duration) => value.nanos / nanos);
}

function dayOfYear(local: Date): number {
  return Math.floor((local.getTime() - Date.UTC(local.getUTCFullYear(), 0, 1)) / 86_400_000);
}

/** The methods that take timestamps and durations apart. */
export const timeParts: Library = {
  getFullYear: part('year', (local) => local.getUTCFullYear()),
  getMonth: part('month', (local) => local.getUTCMonth()),
  getDayOfYear: part('day_of_year', dayOfYear),
  getDayOfMonth: part('day_of_month', (local) => local.getUTCDate() - 1),
  getDate: part('day_of_month_1_based', (local) => local.getUTCDate()),
  getDayOfWeek: part('day_of_week', (local) => local.getUTCDay()),
  getHours: [...part('hours', (local) => local.getUTCHours()), span('hours', 3_600_000_000_000n)],
  getMinutes: [...part('minutes', (local) => local.getUTCMinutes()), span('minutes', 60_000_000_000n)],
  getSeconds: [...part('seconds', (local) => local.getUTCSeconds()), span('seconds', 1_000_000_000n)],
  getMilliseconds: [...part('milliseconds', (local) => local.getUTCMilliseconds()), span('milliseconds', 1_000_000n)],
};
