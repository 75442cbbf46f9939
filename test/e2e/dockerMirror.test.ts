import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOCKER_CE_KEY } from '../../src/host/providers/dockerCeKey.ts';
import { secrets } from '../../src/kube/resource.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { startAptRepository, type AptRepository } from '../support/aptRepository.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { checkInvariants } from '../support/invariants.ts';

const ENTRY = '/etc/apt/sources.list.d/hostler-docker.list';
const KEY_FILE = '/etc/apt/keyrings/hostler-docker.asc';

let fleet: Fleet;
let host: Host;
let plane: ControlPlane;
let mirror: AptRepository;
let key: string;

beforeAll(async () => {
  fleet = await Fleet.create();
  host = await fleet.up({ name: 'eu-1' });
  mirror = await startAptRepository({ bindAddress: fleet.gateway, suite: 'bookworm' });
  key = await readFile(mirror.keyPath, 'utf8');
  plane = await startControlPlane(['--health-interval', '2s', '--drift-interval', '4s']);
  await plane.createSecret('eu-1-ssh', 'kubernetes.io/ssh-auth', {
    'ssh-privatekey': await readFile(fleet.keyFile, 'utf8'),
  });
});

afterAll(async () => {
  await plane.remove();
  await mirror.stop();
  await fleet.down();
});

async function putKey(text: string): Promise<void> {
  const data = { key: Buffer.from(text).toString('base64') };
  await plane.client.patch(secrets, { namespace: 'default', name: 'mirror-key' }, { data });
}

const installed = () => host.exec("dpkg-query -W -f '${Version}' docker-ce");

describe("an engine from the user's own repository", () => {
  it('waits, with the reason, for a Secret that is not there', async () => {
    // without a grant nobody says whether it is there
    await plane.grant(['mirror-key']);
    await plane.createServer('eu-1', {
      addresses: [{ type: 'IPv4', address: host.address }],
      ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'eu-1-ssh' } } },
      requirements: { disk: '1G' },
      docker: {
        version: '28',
        source: { type: 'Mirror', mirror: { url: mirror.url, keySecretRef: { name: 'mirror-key' } } },
      },
    });
    const { message } = await plane.waitForCondition('eu-1', 'DockerReady', 'False', 'SecretMissing');
    expect(message).toContain('Secret default/mirror-key of spec.docker.source.mirror.keySecretRef does not exist');
    expect((await installed()).code).not.toBe(0);
  });

  it('refuses a private key, which never reaches the host', async () => {
    await plane.createSecret('mirror-key', 'Opaque', { key: key.replaceAll('PUBLIC', 'PRIVATE') });
    const { message } = await plane.waitForCondition('eu-1', 'DockerReady', 'False', 'SigningKeyInvalid');
    expect(message).toContain('Secret mirror-key is no ASCII-armored OpenPGP public key');
    expect((await host.exec(`cat ${ENTRY} ${KEY_FILE}`)).stdout).toBe('');
  });

  it('takes the entry back when the key is not the one that the repository is signed with', async () => {
    await putKey(DOCKER_CE_KEY);
    const { message } = await plane.waitForCondition('eu-1', 'InSync', 'False', 'ApplyFailed');
    expect(message).toContain('the package repository could not be read');
    expect((await host.exec(`cat ${ENTRY}`)).code).not.toBe(0);
    expect((await installed()).code).not.toBe(0);
  });

  it('comes from there once the key fits, without a word of the user', async () => {
    await putKey(key);
    await plane.waitForCondition('eu-1', 'Ready', 'True');
    expect((await installed()).stdout).toMatch(/^5:28\./);
    expect(await host.run(`cat ${ENTRY}`)).toBe(
      `deb [arch=amd64 signed-by=${KEY_FILE}] ${mirror.url} bookworm stable\n`,
    );
    expect((await host.run(`cat ${KEY_FILE}`)).trim()).toBe(key.trim());
    await checkInvariants(plane);
  });

  it('has a changed key on the host within a full look', async () => {
    const written = `${key.trim()}\n\n`;
    await host.run(`sed -i s/=/x/ ${KEY_FILE}`);
    await expect.poll(() => host.run(`cat ${KEY_FILE}`), { timeout: 60_000 }).toContain(written.trim());
    await plane.waitForCondition('eu-1', 'InSync', 'True');
  });
});
