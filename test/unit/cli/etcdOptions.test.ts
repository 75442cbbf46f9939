import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EtcdFlags, type EtcdTarget, etcdTarget, withEtcdOptions } from '../../../src/cli/etcdOptions.ts';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'hostler-flags-'));
  for (const name of ['one', 'two']) {
    const out = ['-keyout', path(`${name}.key`), '-out', path(`${name}.pem`), '-subj', `/CN=${name}`];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    execFileSync('openssl', ['req', '-x509', '-nodes', ...curve, ...out], { stdio: 'ignore' });
  }
  writeFileSync(path('login'), 'hostler:pa:ss word\n');
  writeFileSync(path('no-login'), 'hostler\n');
});
afterAll(() => rmSync(directory, { recursive: true }));

function path(name: string): string {
  return join(directory, name);
}

/** What the flags mean, as the command line gives them. */
function target(args: string[], env: NodeJS.ProcessEnv = {}): EtcdTarget | undefined {
  const command = withEtcdOptions(new Command('serve'))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return etcdTarget(command.parse(args, { from: 'user' }).opts<EtcdFlags>(), env);
}

describe('the flags for etcd', () => {
  it('mean the embedded store when there are none', () => {
    expect(target([])).toBeUndefined();
  });

  it.each([
    ['http://127.0.0.1:2379', ['http://127.0.0.1:2379']],
    ['https://a.example.com, https://b.example.com:443/', ['https://a.example.com:2379', 'https://b.example.com:443']],
    ['https://[2001:db8::1]:2379', ['https://[2001:db8::1]:2379']],
  ])('take the endpoints %s', (text, endpoints) => {
    expect(target(['--etcd-endpoints', text])).toEqual({ endpoints, tls: {}, prefix: '' });
  });

  it('take certificates, a prefix and credentials from a file or the environment', () => {
    const args = ['--etcd-endpoints', 'https://a:2379', '--etcd-cafile', path('one.pem'), '--etcd-prefix', '/acme/eu/'];
    const client = ['--etcd-certfile', path('two.pem'), '--etcd-keyfile', path('two.key')];
    const credentials = ['--etcd-credentials-file', path('login')];
    const read = target([...args, ...client, ...credentials]);
    expect(read).toMatchObject({ prefix: '/acme/eu', auth: { username: 'hostler', password: 'pa:ss word' } });
    expect(Object.keys(read?.tls ?? {})).toEqual(['ca', 'cert', 'key']);
    const env = { HOSTLER_ETCD_CREDENTIALS: 'other:secret' };
    expect(target([...args, ...credentials], env)?.auth).toEqual({ username: 'other', password: 'secret' });
  });

  it.each([
    ['an endpoint without scheme', ['--etcd-endpoints', '10.0.0.1:2379'], 'not a URL such as https://'],
    ['no endpoint', ['--etcd-endpoints', ''], 'not a URL'],
    ['two schemes', ['--etcd-endpoints', 'http://a:1,https://b:2'], 'Either all endpoints are https://'],
    ['a password in a URL', ['--etcd-endpoints', 'http://u:p@a:1'], 'HOSTLER_ETCD_CREDENTIALS'],
    ['a path', ['--etcd-endpoints', 'http://a:1/v3'], '--etcd-prefix is for the keys'],
    ['a bad prefix', ['--etcd-endpoints', 'http://a:1', '--etcd-prefix', 'acme'], 'not a path such as /acme'],
    ['flags without endpoints', ['--etcd-prefix', '/acme'], 'no effect without --etcd-endpoints'],
    ['a certificate for http', ['--etcd-endpoints', 'http://a:1', '--etcd-cafile', 'one.pem'], 'use https://'],
    ['half a pair', ['--etcd-endpoints', 'https://a:1', '--etcd-keyfile', 'one.key'], 'belong together'],
    ['a missing file', ['--etcd-endpoints', 'https://a:1', '--etcd-cafile', 'none.pem'], 'no such file'],
    ['a key as certificate', ['--etcd-endpoints', 'https://a:1', '--etcd-cafile', 'one.key'], 'not a PEM certificate'],
    [
      'another’s key',
      ['--etcd-endpoints', 'https://a:1', '--etcd-certfile', 'one.pem', '--etcd-keyfile', 'two.key'],
      'not the key of the certificate',
    ],
    [
      'a certificate as key',
      ['--etcd-endpoints', 'https://a:1', '--etcd-certfile', 'one.pem', '--etcd-keyfile', 'one.pem'],
      'not an unencrypted PEM private key',
    ],
    [
      'no password',
      ['--etcd-endpoints', 'https://a:1', '--etcd-credentials-file', 'no-login'],
      'expected one line user:password',
    ],
  ])('refuse %s and say why', (_, args, message) => {
    const inDirectory = args.map((arg) => (/\.(pem|key)$|login$/.test(arg) ? path(arg) : arg));
    expect(() => target(inDirectory)).toThrow(message);
  });
});
