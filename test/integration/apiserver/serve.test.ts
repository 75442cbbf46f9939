import { spawn } from 'node:child_process';
import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, isIP, type AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controllerRoles, peopleRoles } from '../../../src/api/access.ts';
import type { Server } from '../../../src/api/server.ts';
import { Client } from '../../../src/kube/client.ts';
import { connectionFromKubeconfig } from '../../../src/kube/kubeconfig.ts';
import { knownHosts, servers } from '../../../src/kube/hostlerResources.ts';
import { configMaps, leases, namespaces, secrets } from '../../../src/kube/resource.ts';
import { HostlerProcess } from '../../support/hostlerProcess.ts';
import { StandalonePlane } from '../../support/standalonePlane.ts';

/** What `--listen` takes for all addresses, and where this machine then connects to. */
const wholeMachine = [['0.0.0.0', '127.0.0.1'], ...(hasIPv6() ? [['[::]', '[::1]'] as const] : [])] as const;
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
let plane: StandalonePlane;
let directory: string;

beforeAll(async () => {
  plane = await StandalonePlane.start(['--no-controllers']);
  directory = await mkdtemp(join(tmpdir(), 'hostler-serve-'));
});
afterAll(async () => {
  await plane.remove();
  await rm(directory, { recursive: true, force: true });
});

/** Runs a `hostler serve` that is expected to end by itself. */
async function serve(...args: string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', 'serve', '--no-controllers', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, stderr };
}

async function certificateOf(port: number, ca: Buffer): Promise<X509Certificate> {
  const socket = connect({ port, host: '127.0.0.1', ca });
  try {
    await once(socket, 'secureConnect');
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) throw new Error('the server showed no certificate');
    return certificate;
  } finally {
    socket.destroy();
  }
}

function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
}

async function modes(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() || entry.isDirectory());
  const found = files.map(async (entry) => {
    const { mode } = await stat(join(entry.parentPath, entry.name));
    return `${entry.isDirectory() ? 'directory' : 'file'} ${(mode & 0o777).toString(8)}`;
  });
  return [...new Set(await Promise.all(found))].sort();
}

describe('hostler serve', () => {
  it('keeps its data to its user', async () => {
    await rm(plane.logFile, { force: true });
    expect(await modes(plane.directory)).toEqual(['directory 700', 'file 600']);
  });

  it('refuses a data directory that another one has, and names it', async () => {
    const { code, stderr } = await serve('--data-dir', plane.directory, '--listen', '127.0.0.1:0');
    expect(code).toBe(1);
    expect(stderr).toContain(`in use by another process (${plane.pid})`);
  });

  it('says what to do when its address is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await serve('--data-dir', join(directory, 'taken'), '--listen', `127.0.0.1:${port}`);
    await new Promise((resolve) => other.close(resolve));
    expect(code).toBe(1);
    expect(stderr).toContain('choose another with --listen');
  });

  it.each(wholeMachine)('is reached over loopback where it listens on all addresses: %s', async (all, loopback) => {
    const dataDir = await mkdtemp(join(directory, 'all-'));
    const args = ['serve', '--data-dir', dataDir, '--listen', `${all}:0`];
    const hostler = new HostlerProcess(args, { log: join(directory, 'all.log') });
    try {
      await Promise.all(
        [`hostler serves https://${loopback}:`, 'informers have synced'].map((text) => hostler.says(text)),
      );
      const connection = connectionFromKubeconfig(join(dataDir, 'kubeconfig'));
      expect((await new Client({ connection }).list(servers, {})).items).toEqual([]);
    } finally {
      await hostler.end('SIGTERM');
    }
  });

  it('answers under the names of --tls-san, also when they are added later', async () => {
    const dataDir = await mkdtemp(join(directory, 'names-'));
    for (const names of [['*.first.example'], ['control.example.com', '192.0.2.7', '2001:db8::7']]) {
      const args = ['serve', '--no-controllers', '--data-dir', dataDir, '--listen', '127.0.0.1:0'];
      const flags = names.flatMap((name) => ['--tls-san', name]);
      const hostler = new HostlerProcess([...args, ...flags], { log: join(directory, 'names.log') });
      try {
        await hostler.says('kubeconfig: ');
        const { server } = connectionFromKubeconfig(join(dataDir, 'kubeconfig'));
        const certificate = await certificateOf(Number(server.port), await readFile(join(dataDir, 'pki', 'ca.crt')));
        for (const name of names) {
          const found = isIP(name) === 0 ? certificate.checkHost(name.replace('*', 'a')) : certificate.checkIP(name);
          expect(found, name).toBeDefined();
        }
        expect(certificate.checkHost('localhost')).toBe('localhost');
      } finally {
        await hostler.end('SIGTERM');
      }
    }
  });

  it.each(['a b', 'https://control.example.com'])('refuses the name %j for its certificate', async (name) => {
    const { code, stderr } = await serve('--data-dir', join(directory, 'none'), '--tls-san', name);
    expect(code).toBe(2);
    expect(stderr).toContain(`"${name}" is not a DNS name or an IP address`);
  });

  it('says which data directory cannot be used', async () => {
    const file = join(directory, 'file');
    await writeFile(file, '');
    const { code, stderr } = await serve('--data-dir', file, '--listen', '127.0.0.1:0');
    expect(code).toBe(1);
    expect(stderr).toContain(`The data directory ${file} cannot be used`);
    expect(stderr).toContain('--data-dir');
  });
});

describe('the controllers', () => {
  it('are an ordinary user with the rights that their code needs, and no more', async () => {
    const client = await plane.controllersClient();
    const inDefault = { namespace: 'default' };
    const named = { ...inDefault, name: 'any' };
    const metadata = { ...named };
    await plane.createSecret('any', 'Opaque', { a: 'b' });
    expect((await client.get(secrets, named)).metadata.name).toBe('any');
    expect((await client.list(servers, {})).items).toEqual([]);
    const hostler = { apiVersion: 'hostler.dev/v1alpha1' };
    const refused = [
      () => client.list(secrets, inDefault),
      () => client.list(secrets, {}),
      () => client.patch(secrets, named, { metadata: { labels: { a: 'b' } } }),
      () => client.delete(secrets, named),
      () => client.create(servers, { ...hostler, kind: 'Server', metadata, spec: {} } as unknown as Server),
      () => client.delete(servers, named),
      () => client.delete(knownHosts, named),
      () => client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata }),
      () => client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'any' } }),
      () => client.list(leases, inDefault),
    ];
    for (const attempt of refused) await expect(attempt(), attempt.toString()).rejects.toMatchObject({ code: 403 });
  });

  it('have no wildcard in any role, nor have people in those that come with Hostler', () => {
    const rules = JSON.stringify([...controllerRoles(), ...peopleRoles()]);
    expect(rules).not.toContain('"*"');
  });
});
