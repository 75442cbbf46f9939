import { createHash } from 'node:crypto';

/**
 * Fingerprint of the first key of an armored block, 40 upper-case hex digits; undefined when `armored` is anything but
 * one block of public keys of version 4, such as a private key.
 * Source: RFC 4880 §4.2 (packet headers), §6.2 (armor), §12.2 (version 4 fingerprints).
 */
export function fingerprintOf(armored: string): string | undefined {
  const body =
    /^\s*-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n-]+\r?\n)*\r?\n([A-Za-z0-9+/=\s]+?)\r?\n(?:=[A-Za-z0-9+/]{4}\s+)?-----END PGP PUBLIC KEY BLOCK-----\s*$/.exec(
      armored,
    )?.[1];
  const packet = body === undefined ? undefined : publicKeyPacket(Buffer.from(body, 'base64'));
  if (packet?.[0] !== 4) return undefined;
  const prefix = Buffer.from([0x99, packet.length >> 8, packet.length & 0xff]);
  return createHash('sha1').update(prefix).update(packet).digest('hex').toUpperCase();
}

const PUBLIC_KEY_TAG = 6;

function publicKeyPacket(bytes: Buffer): Buffer | undefined {
  const header = bytes[0] ?? 0;
  const [tag, length, start] = (header & 0x40) === 0 ? oldFormat(bytes, header) : newFormat(bytes, header);
  return tag === PUBLIC_KEY_TAG && bytes.length >= start + length ? bytes.subarray(start, start + length) : undefined;
}

function oldFormat(bytes: Buffer, header: number): [tag: number, length: number, start: number] {
  const size = 2 ** (header & 0x03);
  const known = size <= 4 && bytes.length > size;
  return [(header >> 2) & 0x0f, known ? bytes.readUIntBE(1, size) : Infinity, 1 + size];
}

function newFormat(bytes: Buffer, header: number): [tag: number, length: number, start: number] {
  const first = bytes[1] ?? 0;
  if (first < 192) return [header & 0x3f, first, 2];
  if (first < 224) return [header & 0x3f, ((first - 192) << 8) + (bytes[2] ?? 0) + 192, 3];
  return [header & 0x3f, first === 255 && bytes.length > 6 ? bytes.readUInt32BE(2) : Infinity, 6];
}
