import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { API_VERSION } from '../../src/api/meta.ts';
import { isFinalPhase, type ServerOperation } from '../../src/api/serverOperation.ts';
import { serverOperations, servers } from '../../src/kube/hostlerResources.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { startAptRepository, type AptRepository } from '../support/aptRepository.ts';
import { watchApt } from '../support/aptWatch.ts';
import { checkInvariants } from '../support/invariants.ts';
import { expectNoJobLeft, expectSoundPackages } from '../support/soundHost.ts';
import { startTinyContainer } from '../support/tinyContainer.ts';
import { isConverged } from './converged.ts';
import { faultHome } from './faultHome.ts';
import { MortalPlane } from './mortalPlane.ts';

const FLAGS = ['--health-interval', '2s', '--drift-interval', '4s'];
const NAME = 'kills';

/**
 * Points to die at. What is done once is not done again for a second death, so that each moment has a pass of its own.
 * A change is judged by the points where something is begun on a host, or taken off it; HOSTLER_FAULT_KILLS=all by every
 * one.
 */
const all = process.env['HOSTLER_FAULT_KILLS'] === 'all';
const passes = all
  ? [
      { moment: 'before and just after the beginning of', at: '^(before|in) ' },
      { moment: 'in the middle of', at: '^deep in ' },
      { moment: 'after', at: '^after ' },
    ]
  : [{ moment: 'after the beginning or the end of', at: '^(in start-job|after (start|consume)-job|after reboot)' }];
/** Each death costs a start: dozens of them on a busy machine take long. */
const ARMED_MS = all ? 2_400_000 : 600_000;

let fleet: Fleet;
let repository: AptRepository;

beforeAll(async () => {
  fleet = await Fleet.create();
  repository = await startAptRepository({ bindAddress: fleet.gateway, suite: 'bookworm' });
  process.env['HOSTLER_DOCKER_CE_URL'] = repository.url.replace(/\/debian$/, '');
  process.env['HOSTLER_DOCKER_CE_KEY'] = repository.keyPath;
  process.env['HOSTLER_DOCKER_CE_FINGERPRINT'] = repository.fingerprint;
});

afterAll(async () => {
  await repository.stop();
  await fleet.down();
});

/** Notes every boot from the next one on. */
const BOOTS_UNIT = `[Service]
Type=oneshot
ExecStart=sh -c "echo boot >>/var/lib/boots"
[Install]
WantedBy=multi-user.target
`;

describe.each(passes)(
  'a control plane that is killed $moment each remote command and each write',
  { timeout: ARMED_MS + 60_000 },
  ({ moment, at }) => {
    let host: Host;
    let mortal: MortalPlane;

    beforeAll(async () => {
      const home = await faultHome(
        `faults/kills ${moment} …`,
        passes.findIndex((one) => one.at === at),
      );
      [host, mortal] = await Promise.all([fleet.up(), MortalPlane.start(FLAGS, home)]);
      await mortal.plane.createSecret('key', 'kubernetes.io/ssh-auth', {
        'ssh-privatekey': await readFile(fleet.keyFile, 'utf8'),
      });
      await host.run('cat >/etc/systemd/system/boots.service; systemctl enable --quiet boots', { input: BOOTS_UNIT });
    });
    afterAll(async () => {
      await mortal.plane.remove();
      await host.kill();
    });
    beforeEach(() => watchApt(host));

    const linesOf = async (path: string) =>
      (await host.run(`cat ${path} 2>/dev/null || true`)).split('\n').filter(Boolean);
    const countInDpkgLog = async (what: string) =>
      Number(await host.run('cat /var/log/dpkg.log* | grep -c " $1 docker-ce:" || true', { args: [what] }));
    const hasConverged = async () => isConverged(await mortal.plane.server(NAME));
    const operation = (name: string) => mortal.plane.client.get(serverOperations, { namespace: 'default', name });
    const hasEnded = async (name: string) => isFinalPhase((await operation(name)).status?.phase);

    async function operate(name: string, spec: Omit<ServerOperation['spec'], 'serverRef'>): Promise<void> {
      await mortal.plane.client.create(serverOperations, {
        apiVersion: API_VERSION,
        kind: 'ServerOperation',
        metadata: { name, namespace: 'default' },
        spec: { serverRef: { name: NAME }, ...spec },
      });
    }

    async function expectSound(): Promise<void> {
      const deaths = await mortal.deaths();
      console.log(`${deaths.length} deaths, one ${deaths.join(', one ')}`);
      await expectSoundPackages(host);
      await expectNoJobLeft(host);
      await checkInvariants(mortal.plane, { hosts: new Map([[NAME, host]]) });
    }

    it('provisions a host: Docker is installed once, each hook runs once', async () => {
      await mortal.arm({ at });
      await mortal.plane.createServer(NAME, {
        addresses: [{ type: 'IPv4', address: host.address }],
        ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
        docker: { version: '26', source: { type: 'DockerCE' }, daemonConfig: { 'live-restore': true } },
        disruption: { automatic: 'RestartService' },
        requirements: { disk: '1G' },
        hooks: [
          { name: 'before', when: 'PreProvision', script: 'echo before >>/var/tmp/hooks; sleep 2' },
          { name: 'behind', when: 'PostProvision', script: 'echo behind >>/var/tmp/hooks; sleep 2' },
        ],
      });
      await mortal.outlive(hasConverged, ARMED_MS);
      expect(await mortal.deaths()).not.toEqual([]);
      expect(await linesOf('/var/tmp/hooks')).toEqual(['before', 'behind']);
      expect(await countInDpkgLog('status installed')).toBe(1);
      expect(await host.run('docker version -f "{{.Server.Version}}"')).toMatch(/^26\./);
      await expectSound();
    });

    it('runs a command once, and keeps its output', async () => {
      await mortal.arm({ at });
      await operate('command', {
        type: 'RunCommand',
        runCommand: { script: 'echo ran | tee -a /var/tmp/commands; sleep 7' },
        captureOutput: true,
      });
      await mortal.outlive(() => hasEnded('command'), ARMED_MS);
      expect((await operation('command')).status).toMatchObject({
        phase: 'Succeeded',
        outputSecretRef: { name: expect.stringMatching(/^command-output-/) as string },
      });
      expect(await linesOf('/var/tmp/commands')).toEqual(['ran']);
      await expectSound();
    });

    it('upgrades the engine once, and no container notices', async () => {
      await startTinyContainer(host, 'lasting', '--restart always');
      const pid = () => host.run('docker inspect -f "{{.State.Pid}}" lasting');
      const before = await pid();
      await mortal.arm({ at });
      const wanted = { spec: { docker: { version: '28' } } };
      await mortal.plane.client.patch(servers, { namespace: 'default', name: NAME }, wanted);
      await mortal.outlive(hasConverged, ARMED_MS);
      expect(await host.run('docker version -f "{{.Server.Version}}"')).toMatch(/^28\./);
      expect(await countInDpkgLog('upgrade')).toBe(1);
      expect(await pid()).toBe(before);
      // under live-restore it would hold up the restart
      await host.run('docker rm -f lasting >/dev/null');
      await expectSound();
    });

    it('restarts the host once', async () => {
      await mortal.arm({ at });
      await operate('reboot', { type: 'Reboot' });
      await mortal.outlive(() => hasEnded('reboot'), ARMED_MS);
      expect((await operation('reboot')).status).toMatchObject({ phase: 'Succeeded' });
      expect(await linesOf('/var/lib/boots')).toEqual(['boot']);
      await expectSound();
    });
  },
);
