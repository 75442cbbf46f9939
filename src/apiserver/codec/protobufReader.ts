import { toJsonInteger } from './json.ts';

/** Bytes that are no protobuf message. */
export class WireError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WireError';
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads one message field by field; every read checks the bounds. */
export class ProtobufReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Number and wire type of the next field; undefined at the end. */
  tag(): { number: number; wire: number } | undefined {
    if (this.#at >= this.#bytes.length) return undefined;
    const tag = this.#rawVarint();
    const number = Number(tag >> 3n);
    if (number === 0 || number > 0x1fffffff) throw new WireError(`illegal field number ${number}`);
    return { number, wire: Number(tag & 7n) };
  }

  varint(wire: number): bigint {
    if (wire !== 0) throw new WireError(`wire type ${wire} where a number was expected`);
    return this.#rawVarint();
  }

  /** A signed integer, as bigint only where a number would lose digits. */
  integer(wire: number): number | bigint {
    return toJsonInteger(BigInt.asIntN(64, this.varint(wire)));
  }

  double(wire: number): number {
    if (wire !== 1) throw new WireError(`wire type ${wire} where 8 bytes were expected`);
    const part = this.#take(8);
    const value = new DataView(part.buffer, part.byteOffset, 8).getFloat64(0, true);
    if (!Number.isFinite(value)) throw new WireError('a number is not finite');
    return value === 0 ? 0 : value;
  }

  bytes(wire: number): Uint8Array {
    if (wire !== 2) throw new WireError(`wire type ${wire} where bytes were expected`);
    const length = Number(this.#rawVarint());
    return this.#take(length);
  }

  text(wire: number): string {
    try {
      return UTF8.decode(this.bytes(wire));
    } catch (error) {
      if (error instanceof TypeError) throw new WireError('a string is not valid UTF-8');
      throw error;
    }
  }

  skip(wire: number): void {
    if (wire === 0) this.#rawVarint();
    else if (wire === 1) this.#take(8);
    else if (wire === 2) this.bytes(wire);
    else if (wire === 5) this.#take(4);
    else throw new WireError(`unsupported wire type ${wire}`);
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw new WireError('unexpected end');
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  #rawVarint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new WireError('unexpected end');
      this.#at++;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError('a number has more than 10 bytes');
  }
}
