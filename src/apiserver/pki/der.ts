/**
 * ASN.1 in DER, as far as certificates need it: values are written from the inside out, and read one by one.
 * Source: ITU-T X.690.
 */

/** The tags of universal types, and {@link context} for those that a structure numbers itself. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag `[number]`; `constructed` when values are inside rather than bytes. */
export function context(number: number, form: 'primitive' | 'constructed'): number {
  return (form === 'constructed' ? 0xa0 : 0x80) | number;
}

/** One value: tag, length, content. */
export function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(length)]), ...content]);
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return [0x80 | bytes.length, ...bytes];
}

/** Values in this order. */
export function sequence(...values: readonly Uint8Array[]): Buffer {
  return der(TAG.sequence, ...values);
}

/** Dotted, such as `2.5.29.14`. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(TAG.objectIdentifier, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** Seven bits a byte; all but the last have the eighth set. */
function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes.unshift(0x80 | (rest & 0x7f));
  return bytes;
}

/** Bytes as bits; the last `unused` of them do not count. */
export function bitString(bytes: Uint8Array, unused = 0): Buffer {
  return der(TAG.bitString, Buffer.from([unused]), bytes);
}

/** A text. */
export function utf8String(text: string): Buffer {
  return der(TAG.utf8String, Buffer.from(text));
}

/** Whole seconds; two digits of the year until 2049, as RFC 5280 section 4.1.2.5 wants. */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().slice(0, 19).replace(/\D/g, '')}Z`;
  return date.getUTCFullYear() < 2050
    ? der(TAG.utcTime, Buffer.from(digits.slice(2)))
    : der(TAG.generalizedTime, Buffer.from(digits));
}

/** A value that was read. */
export interface DerValue {
  tag: number;
  content: Buffer;
  /** Tag, length and content. */
  whole: Buffer;
}

/** The values that stand one after the other in `bytes`. @throws Error when they do not fill it exactly. */
export function readAll(bytes: Buffer): DerValue[] {
  const values: DerValue[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const value = readOne(rest);
    values.push(value);
    rest = rest.subarray(value.whole.length);
  }
  return values;
}

function readOne(bytes: Buffer): DerValue {
  const short = bytes.readUInt8(1);
  const long = short < 0x80 ? 0 : short & 0x7f;
  const start = 2 + long;
  const end = start + (long === 0 ? short : bytes.readUIntBE(2, long));
  if (end > bytes.length) throw new Error('a DER value ends behind its last byte');
  return { tag: bytes.readUInt8(0), content: bytes.subarray(start, end), whole: bytes.subarray(0, end) };
}
