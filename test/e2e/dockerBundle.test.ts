import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import { API_VERSION } from '../../src/api/meta.ts';
import { artifactBundles, servers } from '../../src/kube/hostlerResources.ts';
import { run } from '../hosts/command.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { startAptRepository } from '../support/aptRepository.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { CuttingProxy } from '../support/cuttingProxy.ts';
import { checkInvariants } from '../support/invariants.ts';
import { startTinyContainer } from '../support/tinyContainer.ts';

const BUNDLES = '/var/lib/hostler/bundles';

let fleet: Fleet;
let host: Host;
let plane: ControlPlane;
let link: CuttingProxy;
let scratch: string;
/** Older first. */
let releases: { engine: string; debs: string[] }[];
/** What the engine depends on and a minimal Debian lacks. */
let closure: string[];

beforeAll(async () => {
  fleet = await Fleet.create();
  host = await fleet.up({ name: 'island-1' });
  scratch = await mkdtemp(join(tmpdir(), 'hostler-bundle-'));
  closure = await closureOf(host);
  releases = await engines();
  await host.run('ip route del default; rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb');
  link = await CuttingProxy.start({ host: host.address, port: 22 });
  plane = await startControlPlane(['--health-interval', '2s', '--drift-interval', '4s', '--allow-loopback']);
  await mkdir(plane.bundles);
  await plane.createSecret('key', 'kubernetes.io/ssh-auth', {
    'ssh-privatekey': await readFile(fleet.keyFile, 'utf8'),
  });
});

afterAll(async () => {
  await plane.remove();
  await link.stop();
  await fleet.down();
  await rm(scratch, { recursive: true, force: true });
});

/** Downloaded by the host itself, as long as it can: the list is then right for a host of its kind. */
async function closureOf(fresh: Host): Promise<string[]> {
  await fresh.run('apt-get -q update && apt-get -q -y --download-only --no-install-recommends install iptables');
  const names = (await fresh.run('cd /var/cache/apt/archives && ls *.deb')).trim().split('\n');
  const paths: string[] = [];
  for (const name of names) {
    const path = join(scratch, name);
    await cp(join(fresh.record.directory, 'root/var/cache/apt/archives', name), path);
    paths.push(path);
  }
  return paths;
}

async function engines(): Promise<typeof releases> {
  const repository = await startAptRepository({ bindAddress: '127.0.0.1', suite: 'bookworm' });
  await repository.stop();
  const pool = join(dirname(repository.keyPath), 'dists/bookworm/pool/stable/amd64');
  const files = await readdir(pool);
  const wanted = ['docker-ce', 'docker-ce-cli', 'containerd.io'];
  return repository.versions.map(({ engine, packages }) => ({
    engine,
    debs: files
      .filter((file) =>
        wanted.some((name) => file.startsWith(`${name}_${packages[name]?.replace(/^\d+:/, '') ?? ''}_`)),
      )
      .map((file) => join(pool, file)),
  }));
}

/** Puts an archive into the bundle directory. @returns its entry in an ArtifactBundle. */
async function archive(file: string, debs: readonly string[]) {
  const path = join(plane.bundles, file);
  await run(['tar', '-cf', path, ...debs.flatMap((deb) => ['-C', dirname(deb), deb.slice(dirname(deb).length + 1)])]);
  return {
    name: 'bookworm',
    type: 'Packages' as const,
    file,
    sha256: createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
    sizeBytes: (await stat(path)).size,
    os: { id: 'debian', versionID: '12' },
    architecture: 'amd64',
  };
}

type Entry = Awaited<ReturnType<typeof archive>>;

async function createBundle(name: string, entry: Entry): Promise<void> {
  await plane.client.create(artifactBundles, {
    apiVersion: API_VERSION,
    kind: 'ArtifactBundle',
    metadata: { name, namespace: 'default' },
    spec: { artifacts: [entry] },
  });
}

const changeBundle = (name: string, entry: Entry) =>
  plane.client.patch(artifactBundles, { namespace: 'default', name }, { spec: { artifacts: [entry] } });

const readiness = async (name: string) =>
  findCondition((await plane.client.get(artifactBundles, { namespace: 'default', name })).status?.conditions, 'Ready');

const found = (path: string) => host.run(`find ${path} -type f 2>/dev/null | sort | xargs -r sha256sum`);
const engine = () => host.exec("dpkg-query -W -f '${Version}' docker-ce");

describe('a host without internet', () => {
  it('gets nothing of a file that is not the one stated', async () => {
    expect((await host.exec('apt-get update -o APT::Update::Error-Mode=any')).code, 'it has no repository').not.toBe(0);
    const [older] = releases;
    const entry = await archive(
      'part.tar',
      older!.debs.filter((deb) => deb.includes('/docker-ce_')),
    );
    const another = entry.sha256.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
    await createBundle('docker', { ...entry, sha256: another });
    await plane.createServer('island-1', {
      addresses: [{ type: 'IPv4', address: '127.0.0.1' }],
      ssh: { port: link.port, user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
      requirements: { disk: '1G' },
      docker: { source: { type: 'Bundle', bundle: { bundleRef: { name: 'docker' } } } },
    });
    const { message } = await plane.waitForCondition('island-1', 'DockerReady', 'False', 'ChecksumMismatch');
    expect(message).toContain('file part.tar has not the size and SHA-256 stated');
    expect(await readiness('docker')).toMatchObject({ status: 'False', reason: 'ChecksumMismatch' });
    expect(await found(BUNDLES)).toBe('');
    await changeBundle('docker', entry);
  });

  it('is told which packages a bundle lacks, before anything is installed', async () => {
    const { message } = await plane.waitForCondition('island-1', 'DockerReady', 'False', 'BundleIncomplete');
    expect(message).toContain('Depends: iptables but it is not installable');
    expect((await engine()).code).not.toBe(0);
    expect(await readiness('docker')).toMatchObject({ status: 'True' });
  });

  it('gets its engine over a link that breaks midway, which is gone on with where it broke', async () => {
    const settings = await found('/etc/apt /var/lib/apt/lists');
    const entry = await archive('26.tar', [...releases[0]!.debs, ...closure]);
    link.cutAfter(entry.sizeBytes / 2, { heals: true });
    const before = link.carried;
    await changeBundle('docker', entry);
    await plane.waitForCondition('island-1', 'Ready', 'True');
    expect(await host.run('docker version -f "{{.Server.Version}}"')).toMatch(/^26\.1\.5/);
    expect((await plane.log()).includes('"event":"lookFailed"'), 'the link broke').toBe(true);
    expect(link.carried - before, 'bytes over the link').toBeLessThan(entry.sizeBytes * 1.2);
    expect(await found('/etc/apt /var/lib/apt/lists'), "apt's own files").toBe(settings);
    expect((await host.exec(`ls ${BUNDLES}`)).code, 'nothing stays of the bundle').not.toBe(0);
    await checkInvariants(plane);
  });

  it('is upgraded from another bundle by one plan, which waits for approval where containers run', async () => {
    await startTinyContainer(host, 'lasting', '--restart always');
    await createBundle('docker-28', await archive('28.tar', [...releases[1]!.debs, ...closure]));
    await plane.client.patch(
      servers,
      { namespace: 'default', name: 'island-1' },
      { spec: { docker: { version: '28', source: { bundle: { bundleRef: { name: 'docker-28' } } } } } },
    );
    const waiting = await plane.waitFor('island-1', ({ status }) => {
      const [first] = status?.pendingChanges ?? [];
      return first?.name === 'docker-engine/package' && first.to?.startsWith('5:28.') === true;
    });
    expect(waiting.status?.pendingChanges).toMatchObject([{ disruption: 'RestartContainers', waitingFor: 'Approval' }]);
    expect((await engine()).stdout).toMatch(/^5:26\./);
    const planHash = waiting.status?.planHash ?? '';
    expect(await plane.operate('island-1', 'Approve', { approve: { planHash } })).toMatchObject({ phase: 'Succeeded' });
    await plane.waitForCondition('island-1', 'Ready', 'True');
    await plane.waitForCondition('island-1', 'InSync', 'True');
    expect((await engine()).stdout).toMatch(/^5:28\./);
    expect(await host.run('docker ps --quiet --filter name=lasting | wc -l')).toMatch(/^1/);
    expect((await host.exec(`ls ${BUNDLES}`)).code, 'nothing stays of the bundle').not.toBe(0);
    await checkInvariants(plane);
  });
});
