import { describe, expect, it } from 'vitest';
import { generateKeyPairSync } from 'node:crypto';
import { generateKeyPair, parsePrivateKey, publicKeyOf } from '../../../src/ssh/keys.ts';
import { parseHostKey } from '../../../src/ssh/knownHostKey.ts';
import { sshKeygen } from '../../support/sshd.ts';

const wire = (line: string): string => parseHostKey(line).publicKey;
const reasonOf = (text: string, passphrase?: string): unknown => {
  try {
    return parsePrivateKey(text, passphrase).type;
  } catch (error) {
    return error;
  }
};

/** Large RSA keys take ssh-keygen seconds, and many times that on a busy machine. */
const MADE_MS = 120_000;

describe('parsePrivateKey', () => {
  it.each([
    ['ed25519', {}],
    ['ed25519', { passphrase: 'geheim ✓' }],
    ['ecdsa', {}],
    ['ecdsa', { format: 'PEM' }],
    ['ecdsa', { format: 'PKCS8' }],
    ['ecdsa', { format: 'PKCS8', passphrase: 'geheim' }],
    ['rsa', { bits: 3072 }],
    ['rsa', { bits: 4096, format: 'PEM' }],
    ['rsa', { bits: 3072, format: 'PEM', passphrase: 'geheim' }],
    ['rsa', { bits: 3072, format: 'PKCS8' }],
  ] as const)('reads a %s key of ssh-keygen with %j', { timeout: MADE_MS }, (type, options) => {
    const pair = sshKeygen(type, options);
    const passphrase = 'passphrase' in options ? options.passphrase : undefined;
    const key = parsePrivateKey(pair.privateKey, passphrase);
    expect(key.getPublicSSH().toString('base64')).toBe(wire(pair.publicKey));
    expect(publicKeyOf(pair.privateKey, passphrase)).toEqual(parseHostKey(pair.publicKey));
    if (passphrase === undefined) return;
    expect(reasonOf(pair.privateKey)).toMatchObject({ reason: 'PassphraseRequired' });
    expect(reasonOf(pair.privateKey, 'wrong')).toMatchObject({ reason: 'PassphraseRequired' });
  });

  it('reads Ed25519 as PKCS#8, as openssl writes it', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    expect(parsePrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()).type).toBe('ssh-ed25519');
  });

  it('needs no passphrase where the key has none, given or not', () => {
    expect(reasonOf(sshKeygen('ed25519').privateKey, 'superfluous')).toBe('ssh-ed25519');
  });

  it('reads keys that were pasted with Windows line ends and without a final newline', () => {
    const { privateKey } = sshKeygen('ed25519');
    expect(reasonOf(`\r\n${privateKey.trim().replaceAll('\n', '\r\n')}`)).toBe('ssh-ed25519');
  });

  it.each([
    ['RSA of 2048 bits', () => sshKeygen('rsa', { bits: 2048 }).privateKey, '2048 bits'],
    ['RSA of 2048 bits in PKCS#8', () => sshKeygen('rsa', { bits: 2048, format: 'PKCS8' }).privateKey, '2048 bits'],
    [
      'DSA',
      () =>
        generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 })
          .privateKey.export({ type: 'pkcs8', format: 'pem' })
          .toString(),
      'DSA',
    ],
  ])('refuses %s as too weak', (_what, make, said) => {
    const error = reasonOf(make());
    expect(error).toMatchObject({ reason: 'KeyTooWeak' });
    expect(error).toHaveProperty('message', expect.stringContaining(said));
  });

  it.each([
    ['nothing', '', 'empty'],
    ['a public key', 'ssh-ed25519 AAAA x', 'public key'],
    ['a password', 'hunter2', '-----BEGIN'],
    ['half a key', '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n', ''],
    ['a broken PKCS#8 key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', 'PKCS#8'],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', ''],
    [
      'an X25519 key',
      generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      'x25519',
    ],
  ])('says of %s that it cannot be read, and what belongs there', (_what, text, said) => {
    const error = reasonOf(text);
    expect(error).toMatchObject({
      reason: 'KeyUnreadable',
      remedy: expect.stringContaining('ssh-privatekey') as unknown,
    });
    expect(error).toHaveProperty('message', expect.stringContaining(said));
  });

  it('never shows key material', () => {
    const { privateKey } = sshKeygen('ed25519');
    const damaged = privateKey.replace(/(.{40})\n/, 'x$1\n');
    const error = reasonOf(damaged);
    const lines = damaged.split('\n').filter((line) => line.length > 20 && !line.startsWith('-----'));
    expect(lines.filter((line) => JSON.stringify(error, Object.getOwnPropertyNames(error)).includes(line))).toEqual([]);
  });
});

describe('generateKeyPair', () => {
  it('makes keys that can always be read again, with their public half', () => {
    for (let count = 0; count < 300; count++) {
      const pair = generateKeyPair('hostler');
      expect(parsePrivateKey(pair.privateKey).getPublicSSH().toString('base64')).toBe(wire(pair.publicKey));
    }
  });
});
