import { EvaluationError } from './errors.ts';

const SECOND = 1_000_000_000n;
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z. */
const MIN_SECONDS = -62_135_596_800n;
const MAX_SECONDS = 253_402_300_799n;

/** A length of time. */
export class Duration {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    if (BigInt.asIntN(64, nanos) !== nanos) throw new EvaluationError('duration overflow');
    this.nanos = nanos;
  }
}

/** A point in time. */
export class Timestamp {
  /** Since 1970. */
  readonly nanos: bigint;
  /** As it was written, for its text: minutes east of UTC. */
  readonly zone: number;

  constructor(nanos: bigint, zone = 0) {
    const seconds = floorSeconds(nanos);
    if (seconds < MIN_SECONDS || seconds > MAX_SECONDS) throw new EvaluationError('timestamp overflow');
    this.nanos = nanos;
    this.zone = zone;
  }

  /** Whole seconds since 1970. */
  get seconds(): bigint {
    return floorSeconds(this.nanos);
  }
}

function floorSeconds(nanos: bigint): bigint {
  return nanos >= 0n || nanos % SECOND === 0n ? nanos / SECOND : nanos / SECOND - 1n;
}

const RFC3339 =
  /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:[.,](\d+))?(?:Z|([+-])([01]\d|2[0-4]):([0-5]\d))$/;

/** Reads `2026-01-02T03:04:05.6Z`; undefined when it is none. @throws EvaluationError  beyond the years 1 to 9999. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const groups = RFC3339.exec(text);
  if (groups === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = groups.slice(1, 7).map(Number);
  if (!isDate(year, month, day)) return undefined;
  const zone = zoneOf(groups.slice(8));
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute - zone, second);
  return new Timestamp(BigInt(date.getTime()) * 1_000_000n + fractionOf(groups[7]), zone);
}

/** Nanoseconds. */
function fractionOf(digits = ''): bigint {
  return BigInt(digits.slice(0, 9).padEnd(9, '0'));
}

/** Minutes east of UTC. */
function zoneOf([sign, hours = '0', minutes = '0']: readonly (string | undefined)[]): number {
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

/** The point in time `seconds` after 1970. @throws EvaluationError  beyond the years 1 to 9999. */
export function timestampOf(seconds: bigint): Timestamp {
  return new Timestamp(seconds * SECOND);
}

/** Reads `2026-01-02`; undefined when it is none. */
export function parseDate(text: string): Timestamp | undefined {
  return /^\d{4}-\d\d-\d\d$/.test(text) ? parseTimestamp(`${text}T00:00:00Z`) : undefined;
}

function isDate(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  const date = new Date(0);
  date.setUTCFullYear(year, month, 0);
  return day <= date.getUTCDate();
}

/** `value` as RFC 3339, in the zone in which it was written. */
export function timestampText({ nanos, seconds, zone }: Timestamp): string {
  const fraction = (nanos - seconds * SECOND).toString().padStart(9, '0').replace(/0+$/, '');
  const local = new Date(Number(seconds) * 1000 + zone * 60_000).toISOString().slice(0, 19);
  const minutes = Math.abs(zone);
  const two = (value: number) => value.toString().padStart(2, '0');
  const suffix = zone === 0 ? 'Z' : `${zone < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  return `${local}${fraction === '' ? '' : `.${fraction}`}${suffix}`;
}

const UNITS: Readonly<Record<string, bigint>> = {
  ...{ ns: 1n, us: 1000n, µs: 1000n, μs: 1000n, ms: 1_000_000n },
  ...{ s: SECOND, m: 60n * SECOND, h: 3600n * SECOND },
};

/** Nobody writes longer ones; the time of reading them grows with the square. */
const MAX_LENGTH = 1000;

/** Reads Go's `1h2m3.5s`; undefined when it is none or overflows. */
export function parseDuration(text: string): Duration | undefined {
  const negative = text.startsWith('-');
  const body = text.replace(/^[+-]/, '');
  if (body === '0') return new Duration(0n);
  if (body.length > MAX_LENGTH || !/^(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(body))
    return undefined;
  const parts = Array.from(body.matchAll(/(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/g), ([, whole, fraction, unit]) =>
    nanosOf(whole ?? '', (fraction ?? '').slice(0, 18), UNITS[unit ?? ''] ?? 0n),
  );
  const nanos = parts.reduce((sum, part) => sum + part, 0n);
  const signed = negative ? -nanos : nanos;
  return BigInt.asIntN(64, signed) === signed ? new Duration(signed) : undefined;
}

function nanosOf(whole: string, fraction: string, unit: bigint): bigint {
  return BigInt(whole || '0') * unit + (BigInt(fraction || '0') * unit) / 10n ** BigInt(fraction.length);
}

/** In seconds: `90s`, `0.5s`. */
export function durationText({ nanos }: Duration): string {
  const seconds = Number(nanos / SECOND) + Number(nanos % SECOND) / 1e9;
  const text = seconds.toString();
  return `${text.includes('e') ? seconds.toFixed(9).replace(/0+$/, '') : text}s`;
}
