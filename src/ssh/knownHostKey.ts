import { createHash } from 'node:crypto';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import type { HostKey } from '../api/knownHost.ts';
import { TerminalError } from '../lib/errors.ts';

/** Strongest first. Each key type with the signature algorithms it may be offered with; SHA-1 `ssh-rsa` is not one. */
const algorithmsByType = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
} as const satisfies Record<string, readonly ServerHostKeyAlgorithm[]>;

/**
 * The host key algorithms to offer: only those of the trusted keys when there are any, so that the host answers with a
 * key that can be compared, and never with one that would look like a changed host.
 */
export function hostKeyAlgorithms(trusted: readonly HostKey[]): ServerHostKeyAlgorithm[] {
  return Object.entries(algorithmsByType)
    .filter(([type]) => trusted.length === 0 || trusted.some((key) => key.type === type))
    .flatMap(([, algorithms]) => algorithms);
}

/** `SHA256:…` as `ssh-keygen -l` prints it. */
export function fingerprint(key: HostKey): string {
  const hash = createHash('sha256').update(Buffer.from(key.publicKey, 'base64')).digest('base64');
  return `SHA256:${hash.replace(/=+$/, '')}`;
}

/**
 * Reads `TYPE BASE64 [comment]`, one line of a .pub file or what `ssh-keyscan` prints behind the host name.
 * @throws TerminalError InvalidSpec
 */
export function parseHostKey(line: string): HostKey {
  const [type = '', publicKey = ''] = line.trim().split(/\s+/);
  const blob = Buffer.from(publicKey, 'base64');
  if (type === '' || blob.length === 0 || typeOfBlob(blob) !== type) {
    throw new TerminalError('InvalidSpec', `"${line.slice(0, 60)}" is no SSH public key.`, {
      remedy: 'Write it as TYPE BASE64, as in /etc/ssh/ssh_host_ed25519_key.pub.',
    });
  }
  return { type, publicKey: blob.toString('base64') };
}

/** The key in SSH wire format; undefined when the bytes are none. */
export function hostKeyOf(blob: Buffer): HostKey | undefined {
  const type = typeOfBlob(blob);
  return type === undefined ? undefined : { type, publicKey: blob.toString('base64') };
}

/** Whether both are the same key, however its base64 was written. */
export function sameHostKey(a: HostKey, b: HostKey): boolean {
  return a.type === b.type && Buffer.from(a.publicKey, 'base64').equals(Buffer.from(b.publicKey, 'base64'));
}

/** RFC 4253 6.6: a public key begins with the length and the name of its type. */
function typeOfBlob(blob: Buffer): string | undefined {
  if (blob.length < 5) return undefined;
  const length = blob.readUInt32BE(0);
  const type = blob.subarray(4, 4 + length).toString('latin1');
  return length > 0 && length <= 64 && /^[\x21-\x7e]+$/.test(type) && type.length === length ? type : undefined;
}
