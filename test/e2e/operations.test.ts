import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_VERSION } from '../../src/api/meta.ts';
import type { ServerOperation } from '../../src/api/serverOperation.ts';
import { serverOperations, servers } from '../../src/kube/hostlerResources.ts';
import { secrets } from '../../src/kube/resource.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { runHostler } from '../support/hostlerCommand.ts';
import { checkInvariants } from '../support/invariants.ts';
import { startTinyContainer } from '../support/tinyContainer.ts';

const OPERATION_MS = 120_000;

let fleet: Fleet;
let host: Host;
let plane: ControlPlane;

beforeAll(async () => {
  fleet = await Fleet.create();
  host = await fleet.up({
    name: 'ops-1',
    docker: true,
    users: [{ name: 'ops', sudo: 'NOPASSWD', authorizedKeys: [await readFile(`${fleet.keyFile}.pub`, 'utf8')] }],
  });
  plane = await startControlPlane(['--health-interval', '2s', '--drift-interval', '4s']);
  await plane.createSecret('key', 'kubernetes.io/ssh-auth', {
    'ssh-privatekey': await readFile(fleet.keyFile, 'utf8'),
  });
  await plane.createServer('ops-1', {
    addresses: [{ type: 'IPv4', address: host.address }],
    ssh: { user: 'ops', auth: { privateKeySecretRef: { name: 'key' } } },
    docker: { version: '20.10' },
    requirements: { disk: '1G' },
  });
  await plane.waitForCondition('ops-1', 'Ready', 'True');
});

afterAll(async () => {
  await plane.remove();
  await fleet.down();
});

const run = (script: string, more: Partial<ServerOperation['spec']> = {}) =>
  plane.operate('ops-1', 'RunCommand', { runCommand: { script }, ...more }, OPERATION_MS);

async function create(name: string, spec: Omit<ServerOperation['spec'], 'serverRef'>): Promise<void> {
  await plane.client.create(serverOperations, {
    apiVersion: API_VERSION,
    kind: 'ServerOperation',
    metadata: { name, namespace: 'default' },
    spec: { serverRef: { name: 'ops-1' }, ...spec },
  });
}

/** As in a backup from before an operation began. */
async function forget(name: string): Promise<void> {
  const [key, call] = [{ namespace: 'default', name }, { subresource: 'status' }] as const;
  await plane.client.patch(serverOperations, key, { status: null }, call);
}

const operation = (name: string) => plane.client.get(serverOperations, { namespace: 'default', name });

async function ended(name: string): Promise<NonNullable<ServerOperation['status']>> {
  await expect
    .poll(async () => (await operation(name)).status?.completionTime, { timeout: OPERATION_MS, interval: 250 })
    .toBeDefined();
  return (await operation(name)).status ?? {};
}

async function running(name: string): Promise<void> {
  await expect
    .poll(async () => (await operation(name)).status?.phase, { timeout: OPERATION_MS, interval: 100 })
    .toBe('Running');
}

describe('TestConnection and Preflight', () => {
  it('log in anew, and say step by step how that went', async () => {
    const logins = async () => Number(await host.run('journalctl -t sshd | grep -c "Accepted publickey for ops"'));
    const before = await logins();
    const status = await plane.operate('ops-1', 'TestConnection');
    expect(status).toMatchObject({ phase: 'Succeeded' });
    expect(status.message).toContain(`logged in to ${host.address}:22 as ops`);
    expect(status.steps?.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'reachable Succeeded',
      'host-key-verified Succeeded',
      'authenticated Succeeded',
      'privileged Succeeded',
    ]);
    expect(await logins()).toBe(before + 1);
  });

  it('list every check, and fail by those that fail', async () => {
    const well = await plane.operate('ops-1', 'Preflight');
    expect(well).toMatchObject({ phase: 'Succeeded' });
    expect(well.steps?.find(({ name }) => name === 'disk')).toMatchObject({ state: 'Succeeded' });
    const { metadata } = await plane.server('ops-1');
    const requireDisk = (disk: string) => plane.client.patch(servers, metadata, { spec: { requirements: { disk } } });
    await requireDisk('900T');
    const ill = await plane.operate('ops-1', 'Preflight');
    expect(ill).toMatchObject({ phase: 'Failed' });
    expect(ill.message).toContain('900000 GB are required');
    await requireDisk('1G');
    await plane.waitForCondition('ops-1', 'Ready', 'True');
  });
});

describe('Fix', () => {
  it('installs and starts what preflight misses, on a host that is otherwise only observed', async () => {
    const watched = await fleet.up({ name: 'fix-1' });
    await plane.createServer('fix-1', {
      addresses: [{ type: 'IPv4', address: watched.address }],
      ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
      management: { default: 'Observe' },
      docker: { version: '20.10' },
      requirements: { disk: '1G' },
    });
    await plane.waitForCondition('fix-1', 'InSync', 'False', 'ObserveOnly');
    const fixed = await plane.operate('fix-1', 'Fix', {}, OPERATION_MS);
    expect(fixed).toMatchObject({ phase: 'Succeeded', message: 'every check that Hostler can fix passes' });
    expect(await watched.run('docker version -f "{{.Server.Version}}"')).toMatch(/^20\.10\./);
    await watched.run('systemctl stop docker.socket docker.service');
    await plane.waitForCondition('fix-1', 'DockerReady', 'False', 'NotRunning');
    expect((await watched.exec('systemctl is-active -q docker')).code, 'it is only observed').not.toBe(0);
    expect(await plane.operate('fix-1', 'Fix', {}, OPERATION_MS)).toMatchObject({ phase: 'Succeeded' });
    expect((await watched.exec('systemctl is-active -q docker')).code).toBe(0);
    await watched.run('systemctl stop docker.socket docker.service');
    await plane.client.patch(servers, { namespace: 'default', name: 'fix-1' }, { spec: { paused: true } });
    expect((await plane.operate('fix-1', 'Fix', {}, OPERATION_MS)).conditions?.[0]).toMatchObject({ reason: 'Paused' });
    await watched.kill();
  });

  it('lets a user use sudo without the password that it asked for, and proves it by a login', async () => {
    const asked = await fleet.up({ name: 'sudo-1' });
    const publicKey = await readFile(`${fleet.keyFile}.pub`, 'utf8');
    await asked.addUser({ name: 'anna', password: 'anna-secret', sudo: 'password', authorizedKeys: [publicKey] });
    await plane.createSecret('anna', 'kubernetes.io/basic-auth', { password: 'anna-secret' });
    const { metadata } = await plane.createServer('sudo-1', {
      addresses: [{ type: 'IPv4', address: asked.address }],
      ssh: {
        user: 'anna',
        auth: { privateKeySecretRef: { name: 'key' } },
        hostKeyPolicy: 'TrustOnFirstUse',
        privilege: { passwordSecretRef: { name: 'anna' } },
      },
      requirements: { disk: '1G' },
    });
    await plane.waitForCondition('sudo-1', 'Privileged', 'True', 'WithPassword');
    await plane.waitForCondition('sudo-1', 'Ready', 'True');
    expect(await plane.operate('sudo-1', 'Fix', {}, OPERATION_MS)).toMatchObject({ phase: 'Succeeded' });
    await plane.waitForCondition('sudo-1', 'Privileged', 'True', 'Passwordless');
    expect(await asked.run('su anna -c "sudo -k; sudo -n id -u"')).toBe('0\n');
    await plane.client.patch(servers, metadata, { spec: { ssh: { privilege: null } } });
    await plane.waitForCondition('sudo-1', 'Ready', 'True');
    // a rule that wins over ours: what does not work is taken back
    await asked.run(`
      rm /etc/sudoers.d/hostler-*
      printf 'anna ALL=(ALL:ALL) PASSWD: ALL\\n' >/etc/sudoers.d/zz-last`);
    await plane.client.patch(servers, metadata, {
      spec: { ssh: { privilege: { passwordSecretRef: { name: 'anna' } } } },
    });
    await plane.waitForCondition('sudo-1', 'Privileged', 'True', 'WithPassword');
    const refused = await plane.operate('sudo-1', 'Fix', {}, OPERATION_MS);
    expect(refused).toMatchObject({ phase: 'Failed', conditions: [{ reason: 'ConfigRejected' }] });
    expect(refused.message).toContain('taken back');
    expect(await asked.run('ls /etc/sudoers.d')).not.toContain('hostler');
    await asked.kill();
  });
});

describe('hostler server logs --jobs', () => {
  it('prints what installations printed, and leaves nothing behind', async () => {
    await fleet.up({ name: 'logs-1' }).then((fresh) =>
      plane.createServer('logs-1', {
        addresses: [{ type: 'IPv4', address: fresh.address }],
        ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
        docker: { version: '20.10' },
        requirements: { disk: '1G' },
      }),
    );
    await plane.waitForCondition('logs-1', 'Ready', 'True');
    const env = { HOME: '/nonexistent', KUBECONFIG: plane.kubeconfig };
    const { code, stdout, stderr } = await runHostler(['server', 'logs', 'logs-1', '--jobs'], { cwd: '/', env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^== \S+Z docker-engine\/package$/m);
    expect(stdout).toContain('Setting up docker.io');
    const { items } = await plane.client.list(serverOperations, { namespace: 'default' });
    expect(items.filter(({ spec }) => spec.serverRef.name === 'logs-1')).toEqual([]);
  });
});

describe('RunCommand', () => {
  it('runs a script as root, once, and keeps what it prints only when asked', async () => {
    const script = `id -un; echo "it's $((6 * 7))"; echo secret-word >&2; echo x >> /root/ran`;
    const silent = await run(script);
    expect(silent).toMatchObject({ phase: 'Succeeded' });
    expect(JSON.stringify(silent)).not.toContain('secret-word');
    expect(silent.outputSecretRef).toBeUndefined();
    const kept = await run(script, { captureOutput: true });
    const name = kept.outputSecretRef?.name ?? '';
    const secret = await plane.client.get(secrets, { namespace: 'default', name });
    expect(Buffer.from(secret.data?.['output'] ?? '', 'base64').toString()).toBe("root\nit's 42\nsecret-word\n");
    expect(secret.metadata.ownerReferences?.[0]).toMatchObject({ kind: 'ServerOperation' });
    expect((await host.run('cat /root/ran')).trim()).toBe('x\nx');
    // the record goes once the status with its result is stored
    await expect.poll(async () => host.run('ls -A /var/lib/hostler/jobs'), { timeout: 30_000 }).toBe('');
  });

  it('fails with its exit code, and is ended when it takes too long', async () => {
    const failed = await run('exit 3');
    expect(failed.phase).toBe('Failed');
    expect(failed.message).toContain('exit code 3');
    const slow = await run('sleep 300', { runCommand: { script: 'sleep 300', timeoutSeconds: 1 } });
    expect(slow.message).toContain('took longer than its timeoutSeconds (1)');
  });

  it('is found again after kill -9, and run once', async () => {
    await create('survivor', {
      type: 'RunCommand',
      runCommand: { script: 'echo x >> /root/survivor; sleep 6; echo y >> /root/survivor' },
    });
    await running('survivor');
    await plane.kill();
    await plane.start();
    expect(await ended('survivor')).toMatchObject({ phase: 'Succeeded' });
    expect((await host.run('cat /root/survivor')).trim()).toBe('x\ny');
  });

  it('is ended by spec.cancel, and by its deletion', async () => {
    for (const name of ['cancelled', 'deleted']) {
      await create(name, { type: 'RunCommand', runCommand: { script: `touch /root/${name}; exec sleep 300` } });
      await expect.poll(async () => (await host.exec(`test -e /root/${name}`)).code, { timeout: 30_000 }).toBe(0);
      const key = { namespace: 'default', name };
      if (name === 'deleted') await plane.client.delete(serverOperations, key);
      else await plane.client.patch(serverOperations, key, { spec: { cancel: true } });
      await expect
        .poll(async () => (await host.exec('pgrep -x sleep -a | grep -c 300')).code, { timeout: 60_000 })
        .toBe(1);
    }
    expect((await ended('cancelled')).phase).toBe('Cancelled');
    await expect.poll(async () => host.run('ls -A /var/lib/hostler/jobs'), { timeout: 30_000 }).toBe('');
  });

  it('is not run again by a restored backup that knows nothing of its end', async () => {
    await create('restored', { type: 'RunCommand', runCommand: { script: 'echo ran >>/root/restored; exit 4' } });
    expect((await ended('restored')).phase).toBe('Failed');
    await forget('restored');
    const { phase, message } = await ended('restored');
    expect([phase, message]).toEqual(['AlreadyRan', expect.stringContaining('it ended with exit code 4')]);
    expect(await host.run('cat /root/restored')).toBe('ran\n');
  });

  it('is refused while the Server is paused', async () => {
    const { metadata } = await plane.server('ops-1');
    await plane.client.patch(servers, metadata, { spec: { paused: true } });
    expect(await run('touch /root/paused')).toMatchObject({ phase: 'Failed' });
    expect((await host.exec('test -e /root/paused')).code).toBe(1);
    await plane.client.patch(servers, metadata, { spec: { paused: false } });
  });
});

describe('Cleanup', () => {
  /** Everything that must be there afterwards as it was before, one line each. */
  const kept = () =>
    host.run(`
      docker ps --all --no-trunc --format '{{.Names}} {{.ID}} {{.State}}' | sort
      docker inspect --format '{{.Name}} {{.State.StartedAt}}' lasting
      docker image inspect --format 'image {{.ID}}' "$(docker inspect -f '{{.Image}}' lasting)" spare "$(docker inspect -f '{{.Image}}' stopped)"
      find /var/lib/docker/volumes -name kept -exec sha256sum {} + | sort
      docker volume ls --quiet | sort
      docker network ls --quiet --no-trunc | sort
      docker system df --format '{{.Type}} {{.TotalCount}}' | grep '^Build Cache'`);

  it('removes dangling images and downloaded packages, and nothing that holds data or is used', async () => {
    // one that the engine starts again; its image loses its name to another one
    await startTinyContainer(host, 'lasting', '--restart always -v precious:/data');
    await host.run(`set -eu
      mark() { date +%N >"$(docker volume inspect --format '{{.Mountpoint}}' "$1")/kept"; }
      anonymous() { docker inspect --format '{{range .Mounts}}{{.Name}}{{end}}' "$1"; }
      mark precious
      layer() { echo "$1" >/tmp/layer; shift; tar -cf - -C /tmp layer | docker import - "$@"; }
      layer 1 tiny >/dev/null
      layer 2 spare >/dev/null
      docker create --name stopped -v /data "$(layer 3)" /nothing >/dev/null
      mark "$(anonymous stopped)"
      docker create --name gone -v /data spare /nothing >/dev/null
      mark "$(anonymous gone)"
      docker rm gone >/dev/null
      docker network create unused >/dev/null
      mkdir /tmp/build && cd /tmp/build && echo 1 >file
      printf 'FROM scratch\nCOPY file /\n' | DOCKER_BUILDKIT=1 docker build --quiet -f - . >/dev/null
      layer 4 >/dev/null
      mkdir -p /var/cache/apt/archives && head -c 20000000 /dev/zero >/var/cache/apt/archives/big_1_all.deb
    `);
    const before = await kept();
    expect(before.match(/\/kept$/gm), 'a named volume, an anonymous one, and one whose container is gone').toHaveLength(
      3,
    );
    const status = await plane.operate('ops-1', 'Cleanup', {}, OPERATION_MS);
    expect(status.phase).toBe('Succeeded');
    expect(status.message).toMatch(/^freed \d+ MB$/);
    expect(await kept()).toBe(before);
    const used = await host.run("docker inspect -f '{{.Image}}' lasting stopped");
    const dangling = await host.run('docker images --quiet --no-trunc --filter dangling=true');
    expect(dangling.trim().split('\n').sort(), 'only what containers use').toEqual(used.trim().split('\n').sort());
    expect(await host.run('ls /var/cache/apt/archives')).not.toContain('big');
    expect(status.conditions?.[0]).toMatchObject({ reason: 'OperationSucceeded' });
  });
});

describe('Reboot', () => {
  it('restarts the host once, also over kill -9, and proves that units and containers came back', async () => {
    await host.run('docker inspect lasting >/dev/null');
    const before = (await plane.server('ops-1')).status?.identity?.bootID;
    await create('reboot-1', { type: 'Reboot' });
    await running('reboot-1');
    await plane.kill();
    await plane.start();
    const status = await ended('reboot-1');
    expect(status.message).toMatch(/^the host restarted in \d+ s; the kernel, 1 containers and all units/);
    expect(status.phase).toBe('Succeeded');
    expect(status.steps?.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'restart Succeeded',
      'verify Succeeded',
    ]);
    expect(status.bootIDs).toHaveLength(2);
    expect(status.bootIDs?.[1]).not.toBe(before);
    // the operation ends before the run of its Server does
    await plane.waitFor('ops-1', (one) => one.status?.identity?.bootID === status.bootIDs?.[1]);
    await plane.waitForCondition('ops-1', 'Ready', 'True');
    expect(await host.run('docker ps --quiet --filter name=lasting | wc -l')).toMatch(/^1/);
    await checkInvariants(plane);
  });

  it('is not repeated by a restored backup that knows nothing of it', async () => {
    const before = (await plane.server('ops-1')).status?.identity?.bootID;
    await forget('reboot-1');
    expect((await ended('reboot-1')).phase).toBe('AlreadyRan');
    expect((await plane.server('ops-1')).status?.identity?.bootID).toBe(before);
  });

  it('is not repeated when its manifest is applied again', async () => {
    const before = (await plane.server('ops-1')).status?.identity?.bootID;
    await plane.client.delete(serverOperations, { namespace: 'default', name: 'reboot-1' });
    await create('reboot-1', { type: 'Reboot' });
    const status = await ended('reboot-1');
    expect(status.phase).toBe('AlreadyRan');
    expect(status.message).toContain('use another name');
    expect((await plane.server('ops-1')).status?.identity?.bootID).toBe(before);
  });
});

describe('PowerOff', () => {
  it('ends when the host does not answer any more', async () => {
    await plane.waitForCondition('ops-1', 'Ready', 'True');
    const status = await plane.operate('ops-1', 'PowerOff', {}, OPERATION_MS);
    expect(status).toMatchObject({ phase: 'Succeeded', message: 'the host does not answer any more' });
    await plane.waitForCondition('ops-1', 'Reachable', 'False');
    await checkInvariants(plane);
  });
});
