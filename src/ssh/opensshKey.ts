import { randomBytes, type KeyObject } from 'node:crypto';

/**
 * An Ed25519 private key in OpenSSH's own unencrypted format.
 * Source: openssh-portable PROTOCOL.key; the file never leaves memory.
 */
export function openSshEd25519(key: KeyObject): string {
  const jwk = key.export({ format: 'jwk' });
  const publicKey = Buffer.from(jwk.x ?? '', 'base64url');
  const seed = Buffer.from(jwk.d ?? '', 'base64url');
  const type = Buffer.from('ssh-ed25519');
  const check = randomBytes(4);
  const section = Buffer.concat([
    check,
    check,
    field(type),
    field(publicKey),
    field(Buffer.concat([seed, publicKey])),
    field(Buffer.alloc(0)),
  ]);
  const padding = Buffer.from(Array.from({ length: (8 - (section.length % 8)) % 8 }, (_, index) => index + 1));
  const one = Buffer.from([0, 0, 0, 1]);
  const none = Buffer.from('none');
  const blob = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    field(none),
    field(none),
    field(Buffer.alloc(0)),
    one,
    field(Buffer.concat([field(type), field(publicKey)])),
    field(Buffer.concat([section, padding])),
  ]);
  const lines = blob.toString('base64').replace(/.{70}/g, '$&\n');
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

/** RFC 4251 5, `string`: length and bytes. */
function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
