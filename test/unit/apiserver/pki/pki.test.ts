import { X509Certificate } from 'node:crypto';
import { chmod, copyFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type PeerCertificate, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { writeKubeconfig } from '../../../../src/apiserver/pki/kubeconfig.ts';
import { ADMIN, CONTROLLER_MANAGER, ensurePki, type Pki } from '../../../../src/apiserver/pki/pki.ts';
import type { Clock } from '../../../../src/lib/clock.ts';
import { temporaryDirectory } from '../../../support/storage.ts';

const DAY_MS = 24 * 3600 * 1000;

describe('the pki', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(async () => {
    await directory.remove();
  });
  const ensure = (hosts: string[] = ['api.example'], days = 0): Promise<Pki> =>
    ensurePki(directory.path, { hosts, clock: clockAt(Date.now() + days * DAY_MS) });

  it('lets clients trust the server by the CA and the server know the clients', async () => {
    const pki = await ensure();
    for (const host of ['localhost', 'api.example', '127.0.0.1']) {
      const { client, peer } = await handshake(pki, host, await pki.client(CONTROLLER_MANAGER));
      expect(client.authorized, host).toBe(true);
      expect(peer.subject.CN).toBe('system:hostler-controller-manager');
      expect(peer.subject.O).toBe('hostler:controllers');
    }
  });

  it('gives the admin, and only the admin, the group that may do everything', async () => {
    const pki = await ensure();
    const admin = new X509Certificate((await pki.client(ADMIN)).cert);
    expect(admin.subject.split('\n')).toEqual(['O=system:masters', 'CN=hostler-admin']);
    expect(new X509Certificate((await pki.client(CONTROLLER_MANAGER)).cert).subject).not.toContain('masters');
  });

  it('carries several groups, each by itself', async () => {
    const pki = await ensure();
    const pair = await pki.client({ name: 'two', user: 'somebody', groups: ['one', 'two, three'] });
    const { peer } = await handshake(pki, 'localhost', pair);
    expect(peer.subject.O).toEqual(['one', 'two, three']);
  });

  it('refuses a client certificate as a server and a server certificate as a client', async () => {
    const pki = await ensure();
    const admin = await pki.client(ADMIN);
    await expect(handshake({ ...pki, serving: admin }, 'localhost', admin)).rejects.toThrow();
    await expect(handshake(pki, 'localhost', pki.serving)).rejects.toThrow();
  });

  it('does not answer for a name it was not told', async () => {
    const pki = await ensure();
    await expect(handshake(pki, 'other.example', await pki.client(ADMIN))).rejects.toThrow(/other\.example/);
  });

  it('changes nothing when run again', async () => {
    const first = await ensure();
    const admin = await first.client(ADMIN);
    const second = await ensure();
    expect(second).toMatchObject({ ca: first.ca, serving: first.serving });
    expect(await second.client(ADMIN)).toEqual(admin);
  });

  it('makes a new serving certificate when a name comes or goes', async () => {
    const first = await ensure(['one.example']);
    const second = await ensure(['one.example', '192.0.2.7', '2001:db8::7']);
    expect(second.serving.cert).not.toBe(first.serving.cert);
    const certificate = new X509Certificate(second.serving.cert);
    expect(certificate.checkIP('192.0.2.7')).toBeDefined();
    expect(certificate.checkIP('2001:db8::7')).toBeDefined();
    const third = await ensure(['one.example']);
    expect(new X509Certificate(third.serving.cert).checkIP('192.0.2.7')).toBeUndefined();
    expect(third.ca).toBe(first.ca);
  });

  it('stands for the addresses of the machine when it listens on all', async () => {
    const some = new X509Certificate((await ensure(['192.0.2.7'])).serving.cert);
    const all = new X509Certificate((await ensure(['0.0.0.0'])).serving.cert);
    expect(all.checkIP('0.0.0.0')).toBeUndefined();
    expect(all.checkIP('192.0.2.7')).toBeUndefined();
    expect(some.checkIP('192.0.2.7')).toBeDefined();
    expect(all.checkHost('localhost')).toBe('localhost');
    const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    for (const { family, address } of own) {
      if (family === 'IPv4') expect(all.checkIP(address), address).toBeDefined();
    }
  });

  it.each([
    { days: 200, renewed: false },
    { days: 280, renewed: true },
    { days: 500, renewed: true },
  ])('after $days days has renewed its certificates: $renewed', async ({ days, renewed }) => {
    const first = await ensure();
    const admin = await first.client(ADMIN);
    const later = await ensure(['api.example'], days);
    expect(later.ca).toBe(first.ca);
    expect(later.serving.cert !== first.serving.cert).toBe(renewed);
    const laterAdmin = await later.client(ADMIN);
    expect(laterAdmin.cert !== admin.cert).toBe(renewed);
    expect(laterAdmin.key !== admin.key).toBe(renewed);
    const end = Date.parse(new X509Certificate(later.serving.cert).validTo);
    expect(end).toBeGreaterThan(Date.now() + (days + 89) * DAY_MS);
  });

  it('never issues beyond the end of its CA, and does not renew for ever near it', async () => {
    const first = await ensure();
    const caEnd = Date.parse(new X509Certificate(first.ca).validTo);
    const later = await ensure(['api.example'], 3600);
    expect(Date.parse(new X509Certificate(later.serving.cert).validTo)).toBe(caEnd);
    expect((await ensure(['api.example'], 3601)).serving).toEqual(later.serving);
  });

  it('says so when its CA is over', async () => {
    await ensure();
    await expect(ensure([], 3651)).rejects.toThrow(/ended on .* Remove the directory/);
  });

  it.each(['ca.key', 'ca.crt'])('refuses to go on with a damaged %s, and leaves it for a person', async (name) => {
    await ensure();
    await writeFile(join(directory.path, name), 'damaged');
    await expect(ensure()).rejects.toThrow(/ca\.crt and ca\.key do not belong together.*Restore/);
    expect(await readFile(join(directory.path, name), 'utf8')).toBe('damaged');
  });

  it('refuses to go on without the key of a CA that clients may trust', async () => {
    await ensure();
    await rm(join(directory.path, 'ca.key'));
    await expect(ensure()).rejects.toThrow(/do not belong together/);
  });

  it.each(['server.key', 'server.crt'])('replaces a pair whose %s is damaged', async (name) => {
    const first = await ensure();
    await writeFile(join(directory.path, name), 'damaged');
    const second = await ensure();
    expect(second.serving.cert).not.toBe(first.serving.cert);
    await handshake(second, 'localhost', await second.client(ADMIN));
  });

  it('replaces a certificate that a crash left without its new key', async () => {
    const pki = await ensure();
    await pki.client(ADMIN);
    await copyFile(join(directory.path, 'admin.key'), join(directory.path, 'server.key'));
    const again = await ensure();
    await handshake(again, 'localhost', await again.client(ADMIN));
  });

  it('replaces certificates that another CA signed', async () => {
    const first = await ensure();
    await rm(join(directory.path, 'ca.key'));
    await rm(join(directory.path, 'ca.crt'));
    const second = await ensure();
    expect(second.ca).not.toBe(first.ca);
    await handshake(second, 'localhost', await second.client(ADMIN));
  });

  it('keeps every file to its owner and leaves no temporary one', async () => {
    await chmod(directory.path, 0o755);
    const pki = await ensure();
    await pki.client(ADMIN);
    const names = (await readdir(directory.path)).sort();
    const key = 'service-account.key';
    expect(names).toEqual(['admin.crt', 'admin.key', 'ca.crt', 'ca.key', 'server.crt', 'server.key', key]);
    for (const name of names) expect((await stat(join(directory.path, name))).mode & 0o777, name).toBe(0o600);
  });

  it('writes a kubeconfig with everything in it, for its owner alone', async () => {
    const pki = await ensure();
    const credentials = await pki.client(ADMIN);
    const path = join(directory.path, 'kubeconfig');
    await writeFile(path, 'something older', { mode: 0o644 });
    await writeKubeconfig(path, { server: 'https://127.0.0.1:7443', ca: pki.ca, user: 'hostler-admin', credentials });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const config = parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    expect(config).toEqual({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'hostler',
          cluster: { server: 'https://127.0.0.1:7443', 'certificate-authority-data': base64(pki.ca) },
        },
      ],
      users: [
        {
          name: 'hostler-admin',
          user: {
            'client-certificate-data': base64(credentials.cert),
            'client-key-data': base64(credentials.key),
          },
        },
      ],
      contexts: [{ name: 'hostler', context: { cluster: 'hostler', user: 'hostler-admin', namespace: 'default' } }],
      'current-context': 'hostler',
    });
  });
});

function clockAt(ms: number): Clock {
  return { now: () => ms, sleep: () => Promise.resolve() };
}

/** A mutually verified TLS connection; rejects when either side refuses the other. */
async function handshake(
  pki: Pki,
  host: string,
  credentials: { cert: string; key: string },
): Promise<{ client: TLSSocket; peer: PeerCertificate }> {
  const server = createServer({ ...pki.serving, ca: pki.ca, requestCert: true, rejectUnauthorized: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  try {
    const accepted = new Promise<PeerCertificate>((resolve, reject) => {
      server.once('secureConnection', (socket) => {
        socket.on('error', () => undefined);
        resolve(socket.getPeerCertificate());
      });
      server.once('tlsClientError', reject);
    });
    accepted.catch(() => undefined);
    const client = await new Promise<TLSSocket>((resolve, reject) => {
      const isAddress = /^[\d.]+$/.test(host);
      const socket = connect(
        {
          port: address.port,
          host: '127.0.0.1',
          ca: pki.ca,
          ...credentials,
          ...(isAddress ? {} : { servername: host }),
        },
        () => resolve(socket),
      );
      socket.on('error', reject);
    });
    const peer = await accepted;
    client.destroy();
    return { client, peer };
  } finally {
    server.close();
  }
}
