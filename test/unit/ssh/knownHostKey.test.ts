import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { fingerprint, hostKeyAlgorithms, hostKeyOf, parseHostKey, sameHostKey } from '../../../src/ssh/knownHostKey.ts';
import { sshKeygen } from '../../support/sshd.ts';

const line = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICccWAv+yI0PxyCpQdxXwyOI+AspeR+qE1FCXQuMziJj root@example';
const key = parseHostKey(line);

describe('host keys', () => {
  it.each(['ed25519', 'ecdsa', 'rsa'] as const)('of type %s have the fingerprint that ssh-keygen shows', (type) => {
    const { publicKey } = sshKeygen(type);
    const shown = execFileSync('ssh-keygen', ['-lf', '-'], { input: publicKey, encoding: 'utf8' });
    expect(shown).toContain(` ${fingerprint(parseHostKey(publicKey))} `);
  });

  it('are read from a .pub line, the comment left out', () => {
    expect(key).toEqual({ type: 'ssh-ed25519', publicKey: line.split(' ')[1] });
  });

  it.each(['', 'ssh-ed25519', 'ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAICccWAv+yI0PxyCpQdxXwyOI+AspeR+qE1FCXQuMziJj', 'a b'])(
    'are refused when the line is %j',
    (text) => {
      expect(() => parseHostKey(text)).toThrow('is no SSH public key');
    },
  );

  it('are the same however their base64 is padded', () => {
    expect(sameHostKey(key, { ...key, publicKey: `${key.publicKey}==` })).toBe(true);
    expect(sameHostKey(key, { ...key, type: 'ssh-rsa' })).toBe(false);
    expect(sameHostKey(key, parseHostKey(sshKeygen('ed25519').publicKey))).toBe(false);
  });

  it('that are no keys at all are not believed', () => {
    expect(hostKeyOf(Buffer.from('0000000b', 'hex'))).toBeUndefined();
    expect(hostKeyOf(Buffer.alloc(0))).toBeUndefined();
    expect(hostKeyOf(Buffer.from('ffffffff414141', 'hex'))).toBeUndefined();
  });
});

describe('hostKeyAlgorithms', () => {
  it('offers all safe algorithms to an unknown host, and no SHA-1', () => {
    expect(hostKeyAlgorithms([])).toEqual([
      'ssh-ed25519',
      'ecdsa-sha2-nistp256',
      'ecdsa-sha2-nistp384',
      'ecdsa-sha2-nistp521',
      'rsa-sha2-512',
      'rsa-sha2-256',
    ]);
  });

  it('offers only those of trusted keys to a known host', () => {
    expect(hostKeyAlgorithms([{ type: 'ssh-rsa', publicKey: '' }])).toEqual(['rsa-sha2-512', 'rsa-sha2-256']);
    expect(hostKeyAlgorithms([key])).toEqual(['ssh-ed25519']);
  });
});
