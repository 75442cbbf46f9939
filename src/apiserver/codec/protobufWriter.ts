const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;

/** A field that holds bytes: a message, a string, or bytes. */
export function block(number: number, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return Buffer.concat([key(number, LENGTH_DELIMITED), varint(BigInt(length)), ...content]);
}

/** A field that holds text. */
export function text(number: number, value: string): Buffer {
  return block(number, Buffer.from(value));
}

/** A field that holds an integer or, as 0 or 1, a flag. */
export function integer(number: number, value: number | bigint): Buffer {
  return Buffer.concat([key(number, VARINT), varint(BigInt.asUintN(64, BigInt(value)))]);
}

/** A field that holds a floating point number. */
export function double(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(number, FIXED64), bytes]);
}

function key(number: number, wireType: number): Buffer {
  return varint(BigInt((number << 3) | wireType));
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
