import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issue, makeAuthority, type KeyPair } from '../../../../src/apiserver/pki/certificates.ts';
import { temporaryDirectory } from '../../../support/storage.ts';

const YEAR_MS = 365 * 24 * 3600 * 1000;
const validity = { notBefore: new Date(Date.now() - 1000), notAfter: new Date(Date.now() + YEAR_MS) };
const client = { commonName: 'somebody', organizations: ['one', 'zwei – 2'] };

describe('a certificate', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  beforeAll(async () => {
    directory = await temporaryDirectory();
  });
  afterAll(() => directory.remove());

  const file = (name: string): string => join(directory.path, name);
  const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' });
  /** @throws when OpenSSL, in its strictest, finds anything wrong. */
  const verify = async (authority: KeyPair, pair: KeyPair, purpose: string): Promise<string> => {
    await writeFile(file('ca.crt'), authority.cert);
    await writeFile(file('leaf.crt'), pair.cert);
    return openssl('verify', '-x509_strict', '-purpose', purpose, '-CAfile', file('ca.crt'), file('leaf.crt'));
  };

  it('stands before OpenSSL in its strictest, of a server and of a client', async () => {
    const authority = makeAuthority('hostler-ca', validity);
    const server = issue(authority, { ...client, hosts: ['api.example', '192.0.2.7'] }, validity);
    expect(await verify(authority, server, 'sslserver')).toContain('OK');
    expect(await verify(authority, issue(authority, client, validity), 'sslclient')).toContain('OK');
    await expect(verify(authority, server, 'sslclient')).rejects.toThrow();
    await expect(verify(makeAuthority('hostler-ca', validity), server, 'sslserver')).rejects.toThrow();
  });

  it('says what it was told', () => {
    const pair = issue(makeAuthority('hostler-ca', validity), client, validity);
    const parsed = new X509Certificate(pair.cert);
    expect(parsed.subject).toBe('O=one\nO=zwei – 2\nCN=somebody');
    expect(parsed.issuer).toBe('CN=hostler-ca');
    expect(Date.parse(parsed.validTo)).toBe(Math.floor(validity.notAfter.getTime() / 1000) * 1000);
    expect(parsed.ca).toBe(false);
    expect(pair.key).toMatch(/^-----BEGIN EC PRIVATE KEY-----\n/);
  });

  it.each([
    { host: '2001:db8::7', shown: '2001:DB8:0:0:0:0:0:7' },
    { host: '::1', shown: '0:0:0:0:0:0:0:1' },
    { host: '::', shown: '0:0:0:0:0:0:0:0' },
    { host: 'fd00:1:2:3:4:5:6:ffff', shown: 'FD00:1:2:3:4:5:6:FFFF' },
    { host: '::ffff:192.0.2.7', shown: '0:0:0:0:0:FFFF:C000:207' },
    { host: '203.0.113.255', shown: '203.0.113.255' },
  ])('is for the address $host', ({ host, shown }) => {
    const pair = issue(makeAuthority('hostler-ca', validity), { ...client, hosts: [host] }, validity);
    expect(new X509Certificate(pair.cert).subjectAltName).toBe(`IP Address:${shown}`);
  });

  it('holds hundreds of names', () => {
    const hosts = Array.from({ length: 300 }, (_, index) => `host-${index}.example`);
    const pair = issue(makeAuthority('hostler-ca', validity), { ...client, hosts }, validity);
    expect(new X509Certificate(pair.cert).subjectAltName?.split(', ')).toEqual(hosts.map((name) => `DNS:${name}`));
  });

  it.each([2049, 2050])('ends in the year %d', async (year) => {
    const notAfter = new Date(Date.UTC(year, 11, 31, 23, 59, 59));
    const authority = makeAuthority('hostler-ca', { ...validity, notAfter });
    expect(Date.parse(new X509Certificate(authority.cert).validTo)).toBe(notAfter.getTime());
    expect(await verify(authority, issue(authority, client, { ...validity, notAfter }), 'sslclient')).toContain('OK');
  });

  it('names a CA that another program made as that one does', async () => {
    const config = '[req]\ndistinguished_name = dn\nstring_mask = nombstr\n[dn]\n';
    await writeFile(file('config'), config);
    const made = ['-keyout', file('other.key'), '-out', file('other.crt'), '-config', file('config')];
    const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
    openssl(
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=hostler-ca'],
      ...[...extensions, 'subjectKeyIdentifier=01:02:03:04'].flatMap((text) => ['-addext', text]),
      ...made,
    );
    const authority = {
      cert: await readFile(file('other.crt'), 'utf8'),
      key: await readFile(file('other.key'), 'utf8'),
    };
    const pair = issue(authority, client, validity);
    expect(await verify(authority, pair, 'sslclient')).toContain('OK');
    // a PrintableString stays one: Go compares the bytes of the names
    expect(new X509Certificate(pair.cert).raw.includes(Buffer.from([0x13, 10, ...Buffer.from('hostler-ca')]))).toBe(
      true,
    );
    expect(openssl('x509', '-noout', '-text', '-in', file('leaf.crt'))).toMatch(
      /Authority Key Identifier:\s+01:02:03:04/,
    );
  });
});
