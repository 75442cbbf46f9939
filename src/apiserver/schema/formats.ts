import { isIP, isIPv6 } from 'node:net';
import { compilePattern } from './patterns.ts';

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?([0-9a-f])[0-9a-f]{3}-?([0-9a-f])[0-9a-f]{3}-?[0-9a-f]{12}$/i;
/** How nearly all times are written; whether the month has its day is left open. */
const USUAL_TIME = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d+)?Z$/;
const RFC3339_TIME = /^(\d{2}):(\d{2}):(\d{2})(.\d+)?(z|[+-]\d{2}:\d{2})$/;
const GO_DURATION = /^[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const SCALA_DURATION = /\d+\s*(?:n(?:s|ano)|us|µs|micro|ms|milli|s|m|h|d|w)/i;

/** kube-openapi's own pattern, oddities included: a single label may have a dash only behind its first character. */
const HOSTNAME = String.raw`^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$`;

/**
 * The string formats that kube validates, by name without dashes; every other format is ignored.
 * Source: apiextensions-apiserver pkg/apiserver/validation/formats.go, kube-openapi pkg/validation/strfmt (v0.35).
 */
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: (text) => /^[0-9a-f]{24}$/i.test(text),
  uri: isRequestUri,
  email: isEmail,
  hostname: isHostname,
  ipv4: (text) => text.includes('.') && isIP(withoutLeadingZeros(text)) !== 0,
  ipv6: (text) => isIPv6(text) && !text.includes('%'),
  cidr: isCidr,
  mac: (text) => /^(?:[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4})$/i.test(text),
  uuid: (text) => UUID.test(text),
  uuid3: (text) => UUID.exec(text)?.[1] === '3',
  uuid4: (text) => UUID.exec(text)?.[1] === '4' && /[89ab]/i.test(UUID.exec(text)?.[2] ?? ''),
  uuid5: (text) => UUID.exec(text)?.[1] === '5' && /[89ab]/i.test(UUID.exec(text)?.[2] ?? ''),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: (text) => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text),
  hexcolor: (text) => /^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/.test(text),
  rgbcolor: (text) =>
    /^rgb\(\s*(?:\d{1,3}\s*,\s*){2}\d{1,3}\s*\)$/.test(text) &&
    (text.match(/\d+/g) ?? []).every((n) => Number(n) < 256),
  byte: (text) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/.test(text),
  password: () => true,
  date: isDate,
  duration: (text) => GO_DURATION.test(text) || SCALA_DURATION.test(text),
  datetime: isDateTime,
  k8sshortname: (text) => text.length <= 63 && /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/.test(text),
  k8slongname: (text) =>
    text.length <= 253 && text.split('.').every((part) => /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/.test(part)),
};

/** The check of a format, or undefined when kube ignores it. */
export function formatCheck(name: string): ((text: string) => boolean) | undefined {
  const normalized = name.replaceAll('-', '');
  return Object.hasOwn(FORMATS, normalized) ? FORMATS[normalized] : undefined;
}

/** Most days of each month, from 1 on. */
const DAYS = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysIn(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && !isLeap ? 28 : (DAYS[month] ?? 0);
}

function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return false;
  const [year = 0, month = 0, day = 0] = match.slice(1).map(Number);
  return day >= 1 && day <= daysIn(year, month);
}

function isDateTime(text: string): boolean {
  if (!USUAL_TIME.test(text)) return isUnusualDateTime(text);
  return text.slice(8, 10) <= '28' || isDate(text.slice(0, 10));
}

function isUnusualDateTime(text: string): boolean {
  const [date = '', time] = text.toLowerCase().split('t');
  if (time === undefined || !isDate(date)) return false;
  const match = RFC3339_TIME.exec(time);
  if (match === null) return false;
  const [hour = '', minute = '', second = ''] = match.slice(1);
  return hour <= '23' && minute <= '59' && second <= '59';
}

function isRequestUri(text: string): boolean {
  if (text === '' || text.includes('#') || /[\s\p{Cc}]/u.test(text)) return false;
  if (text.startsWith('/')) return !/%(?![0-9a-fA-F]{2})/.test(text);
  return /^[a-zA-Z][-+.a-zA-Z0-9]*:/.test(text) && URL.canParse(text);
}

function isEmail(text: string): boolean {
  const address = /^(?:[^<>]*<([^<>]+)>|([^<>]+))$/.exec(text.trim());
  const bare = address?.[1] ?? address?.[2] ?? '';
  return (
    /^(?:[-\w!#$%&'*+/=?^`{|}~.\u0080-\u{10ffff}]+|"[^"]+")@(?:[-\w.\u0080-\u{10ffff}]+|\[[^\]]+\])$/u.test(bare) &&
    !/\.\.|^\.|\.@|@\.|\.$/.test(bare)
  );
}

function isHostname(text: string): boolean {
  if (Buffer.byteLength(text) > 255 || !compilePattern(HOSTNAME).test(text)) return false;
  return text.split('.').every((label) => Buffer.byteLength(label) <= 63);
}

/** Kubernetes reads them as Go once did: `01.2.3.4` is an address. */
function withoutLeadingZeros(address: string): string {
  return address.replaceAll(/(?<=^|[.:])0+(?=\d+(?:\.|$))/g, '');
}

function isCidr(text: string): boolean {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  if (match === null) return false;
  const [, address = '', bits = ''] = match;
  const version = isIP(withoutLeadingZeros(address));
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
}

function isIsbn10(text: string): boolean {
  const digits = text.replace(/[\s-]/g, '');
  if (!/^\d{9}[\dX]$/.test(digits)) return false;
  const sum = Array.from(digits).reduce(
    (total, digit, index) => total + (index + 1) * (digit === 'X' ? 10 : Number(digit)),
    0,
  );
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = text.replace(/[\s-]/g, '');
  if (!/^\d{13}$/.test(digits)) return false;
  const sum = Array.from(digits).reduce((total, digit, index) => total + (index % 2 === 0 ? 1 : 3) * Number(digit), 0);
  return sum % 10 === 0;
}

function isCreditCard(text: string): boolean {
  const digits = text.replace(/\D/g, '');
  if (
    !/^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11})$/.test(
      digits,
    )
  ) {
    return false;
  }
  const sum = Array.from(digits)
    .toReversed()
    .reduce((total, digit, index) => total + (index % 2 === 0 ? Number(digit) : ((2 * Number(digit) - 1) % 9) + 1), 0);
  return sum % 10 === 0;
}
