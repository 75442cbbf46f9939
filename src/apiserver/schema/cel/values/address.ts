import { goQuote } from '../../goText.ts';
import { opaqueOf } from '../types/type.ts';
import { EvaluationError } from './errors.ts';
import { noSuchOverload } from './overload.ts';
import { Opaque, type Value } from './value.ts';

export const IP = opaqueOf('net.IP');
export const CIDR = opaqueOf('net.CIDR');

/** An IPv4 or IPv6 address. */
export class Address extends Opaque {
  readonly type = IP;
  /** 4 or 16. */
  readonly bytes: readonly number[];

  constructor(bytes: readonly number[]) {
    super();
    this.bytes = bytes;
  }

  get family(): 4 | 6 {
    return this.bytes.length === 4 ? 4 : 6;
  }

  override get size(): number {
    return this.bytes.length;
  }

  equals(other: Value): boolean {
    if (!(other instanceof Address)) throw noSuchOverload();
    return this.bytes.length === other.bytes.length && this.sharedBits(other) === this.bytes.length * 8;
  }

  /** How many leading bits are those of `other`. */
  sharedBits(other: Address): number {
    for (const [index, byte] of this.bytes.entries()) {
      const difference = byte ^ (other.bytes[index] ?? 0);
      if (difference !== 0) return index * 8 + Math.clz32(difference) - 24;
    }
    return this.bytes.length * 8;
  }

  get text(): string {
    return this.family === 4 ? this.bytes.join('.') : text6(this.bytes);
  }

  /** The address with only its first `bits` bits. */
  masked(bits: number): Address {
    return new Address(
      this.bytes.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - index * 8))) & 0xff),
    );
  }
}

/** The longest run of zeros becomes `::`. */
function text6(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0));
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (best.start < 0) return hex(groups);
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`;
}

/** An address with the length of its network's prefix. */
export class Network extends Opaque {
  readonly type = CIDR;
  readonly address: Address;
  readonly bits: number;

  constructor(address: Address, bits: number) {
    super();
    this.address = address;
    this.bits = bits;
  }

  override get size(): number {
    return Math.ceil(this.bits / 8);
  }

  equals(other: Value): boolean {
    if (!(other instanceof Network)) throw noSuchOverload();
    return this.bits === other.bits && this.address.equals(other.address);
  }

  contains(address: Address): boolean {
    return this.address.family === address.family && this.address.sharedBits(address) >= this.bits;
  }

  get text(): string {
    return `${this.address.text}/${this.bits}`;
  }
}

/** Go's netip.ParseAddr, with what Kubernetes refuses beyond. @throws EvaluationError  with kube's text. */
export function parseAddress(text: string): Address {
  let address: Address;
  try {
    address = new Address(parseAny(text));
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    throw new EvaluationError(
      `IP Address ${goQuote(text)} parse error during conversion from string: ${error.message}`,
    );
  }
  if (text.includes('%')) throw new EvaluationError(`IP address ${goQuote(text)} with zone value is not allowed`);
  if (isMapped(address)) throw new EvaluationError(`IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`);
  return address;
}

/** Go's netip.ParsePrefix, with what Kubernetes refuses beyond. @throws EvaluationError  with kube's text. */
export function parseNetwork(text: string): Network {
  const network = parsePrefix(text, (problem) => {
    const prefix = 'network address parse error during conversion from string: ';
    return new EvaluationError(`${prefix}${prefix}netip.ParsePrefix(${goQuote(text)}): ${problem}`);
  });
  if (isMapped(network.address))
    throw new EvaluationError(
      `network address parse error during conversion from string: IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`,
    );
  return network;
}

function parsePrefix(text: string, refuse: (problem: string) => EvaluationError): Network {
  const slash = text.lastIndexOf('/');
  if (slash < 0) throw refuse("no '/'");
  const [head, bitText] = [text.slice(0, slash), text.slice(slash + 1)];
  let bytes: number[];
  try {
    bytes = parseAny(head);
  } catch (error) {
    throw error instanceof EvaluationError ? refuse(error.message) : error;
  }
  if (head.includes('%')) throw refuse('IPv6 zones cannot be present in a prefix');
  if (!/^(?:0|[1-9]\d*)$/.test(bitText)) throw refuse(`bad bits after slash: ${goQuote(bitText)}`);
  if (Number(bitText) > bytes.length * 8) throw refuse('prefix length out of range');
  return new Network(new Address(bytes), Number(bitText));
}

function isMapped({ bytes }: Address): boolean {
  return (
    bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255
  );
}

/** Go's netip.ParseAddr: the 4 or 16 bytes of an address. @throws EvaluationError */
export function parseAny(text: string): number[] {
  const refuse = (message: string, at?: string) =>
    new EvaluationError(`ParseAddr(${goQuote(text)}): ${message}${at === undefined ? '' : ` (at ${goQuote(at)})`}`);
  const first = /[.:%]/.exec(text)?.[0];
  if (first === '.') return parse4(text, refuse);
  if (first === ':') return parse6(text, refuse);
  throw refuse(first === '%' ? 'missing IPv6 address' : 'unable to parse IP');
}

type Refuse = (message: string, at?: string) => EvaluationError;

function parse4(text: string, refuse: Refuse): number[] {
  const bad = /^[\d.]*/.exec(text)?.[0].length ?? 0;
  let at = 0;
  for (const [index, field] of text.slice(0, bad).split('.').entries()) {
    check4(field, refuse);
    const last = at + field.length === bad;
    if (last && bad < text.length) throw refuse('unexpected character', text.slice(bad));
    if (field === '') throw noDigit(text.slice(last ? at - 1 : at), refuse);
    if (index === 4) throw refuse('IPv4 address too long');
    at += field.length + 1;
  }
  const fields = text.split('.');
  if (fields.length < 4) throw refuse('IPv4 address too short');
  return fields.map(Number);
}

function noDigit(from: string, refuse: Refuse): EvaluationError {
  return refuse('IPv4 field must have at least one digit', from);
}

function check4(field: string, refuse: Refuse): void {
  if (/^0\d/.test(field)) throw refuse('IPv4 field has octet with leading zero');
  if (Number(field) > 255) throw refuse('IPv4 field has value >255');
}

function parse6(text: string, refuse: Refuse): number[] {
  const [head = '', zone] = text.includes('%')
    ? [text.slice(0, text.indexOf('%')), text.slice(text.indexOf('%') + 1)]
    : [text];
  if (zone === '') throw refuse('zone must be a non-empty string');
  const reader = new Reader6(head, refuse);
  return reader.read();
}

/** Reads group by group, as Go does, so that errors are the same. */
class Reader6 {
  #rest: string;
  readonly #refuse: Refuse;
  readonly #bytes: number[] = [];
  #gap = -1;

  constructor(text: string, refuse: Refuse) {
    this.#rest = text;
    this.#refuse = refuse;
  }

  read(): number[] {
    if (this.#rest.startsWith('::')) {
      this.#gap = 0;
      this.#rest = this.#rest.slice(2);
    }
    while (this.#rest !== '' && this.#bytes.length < 16 && this.#group());
    if (this.#rest !== '') throw this.#refuse('trailing garbage after address', this.#rest);
    return this.#fill();
  }

  /** @returns false at the end. */
  #group(): boolean {
    const digits = /^[\da-fA-F]*/.exec(this.#rest)?.[0] ?? '';
    if (digits.length > 4) throw this.#refuse('each group must have 4 or less digits', this.#rest);
    if (digits === '') throw this.#refuse('each colon-separated field must have at least one digit', this.#rest);
    if (this.#rest[digits.length] === '.') return this.#embedded();
    const value = parseInt(digits, 16);
    this.#bytes.push(value >> 8, value & 255);
    this.#rest = this.#rest.slice(digits.length);
    return this.#rest !== '' && this.#separator();
  }

  #embedded(): false {
    if (this.#gap < 0 && this.#bytes.length !== 12)
      throw this.#refuse('embedded IPv4 address must replace the final 2 fields of the address', this.#rest);
    if (this.#bytes.length > 12)
      throw this.#refuse('too many hex fields to fit an embedded IPv4 at the end of the address', this.#rest);
    this.#bytes.push(...parse4(this.#rest, this.#refuse));
    this.#rest = '';
    return false;
  }

  #separator(): boolean {
    if (!this.#rest.startsWith(':')) throw this.#refuse('unexpected character, want colon', this.#rest);
    if (this.#rest.length === 1) throw this.#refuse('colon must be followed by more characters', this.#rest);
    this.#rest = this.#rest.slice(1);
    if (!this.#rest.startsWith(':')) return true;
    if (this.#gap >= 0) throw this.#refuse('multiple :: in address', this.#rest);
    this.#gap = this.#bytes.length;
    this.#rest = this.#rest.slice(1);
    return this.#rest !== '';
  }

  #fill(): number[] {
    const missing = 16 - this.#bytes.length;
    if (missing > 0 && this.#gap < 0) throw this.#refuse('address string too short');
    if (missing === 0 && this.#gap >= 0) throw this.#refuse('the :: must expand to at least one field of zeros');
    this.#bytes.splice(Math.max(0, this.#gap), 0, ...Array<number>(missing).fill(0));
    return this.#bytes;
  }
}
