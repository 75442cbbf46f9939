/**
 * `npm run bench:reconcile`: how much Hostler costs over the bare minimum.
 * HOSTLER_BENCH_HOSTS: hosts of the no-change check (default 20); HOSTLER_BENCH_ROUNDS: fresh hosts each way (default 3).
 */
import { readFile } from 'node:fs/promises';
import { Client } from 'ssh2';
import { effectiveServer } from '../../src/api/effective.ts';
import type { HostKey } from '../../src/api/knownHost.ts';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import { observe, type Observation } from '../../src/host/observe.ts';
import { planHost } from '../../src/host/plan.ts';
import { runPreflight } from '../../src/host/preflight.ts';
import { tasks } from '../../src/host/tasks/registry.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { connect } from '../../src/ssh/connect.ts';
import { newFrame, renderScript } from '../../src/ssh/script.ts';
import type { Connection, Script, Session } from '../../src/ssh/session.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { StandalonePlane } from '../support/standalonePlane.ts';
import { compared, median, report, type Row } from './report.ts';

const HOSTS = Number(process.env['HOSTLER_BENCH_HOSTS'] ?? 20);
const ROUNDS = Number(process.env['HOSTLER_BENCH_ROUNDS'] ?? 3);
const CHECK_ROUNDS = 9;

const docker: NonNullable<ServerSpec['docker']> = {
  version: '20.10',
  daemonConfig: { 'live-restore': true },
  users: ['root'],
};

/** What a person would write to get the same: packages, hold, daemon.json, check. */
const BY_HAND = `
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get -q update >/dev/null
mkdir -p /etc/docker
printf '{"live-restore": true}' > /etc/docker/daemon.json
apt-get -y -q install --no-install-recommends docker.io >/dev/null
apt-mark hold docker.io >/dev/null
systemctl enable --now docker >/dev/null 2>&1
usermod -aG docker root
docker version -f '{{.Server.Version}}'
`;

const fleet = await Fleet.create({ say: (line) => console.log(line) });
try {
  const rows = [...(await noChangeCheck()), await freshHostToReady()];
  report('reconcile', rows);
} finally {
  await fleet.down();
}

interface Cost {
  wallMs: number;
  cpuMs: number;
}

/** The same script on kept connections: once as Hostler's whole check, once as a bare ssh2 exec. */
async function noChangeCheck(): Promise<Row[]> {
  console.log(`booting ${HOSTS} hosts with Docker`);
  const hosts = await Promise.all(Array.from({ length: HOSTS }, () => fleet.up({ docker: true })));
  const privateKey = await readFile(fleet.keyFile, 'utf8');
  const checks = await Promise.all(hosts.map((host) => prepareCheck(host, privateKey)));
  const ours: Cost[] = [];
  const bare: Cost[] = [];
  for (let round = 0; round < CHECK_ROUNDS; round++) {
    // alternating, so that a disturbance of the machine meets both
    ours.push(await cost(() => Promise.all(checks.map((check) => check.hostler()))));
    bare.push(await cost(() => Promise.all(checks.map((check) => check.bare()))));
  }
  for (const check of checks) check.close();
  for (const host of hosts) await host.kill();
  const of = (costs: readonly Cost[], key: keyof Cost) => median(costs.map((one) => one[key]));
  const name = `no-change check, ${HOSTS} hosts, kept connections`;
  return [
    compared(`${name}: wall`, 'ms', { value: of(ours, 'wallMs'), baseline: of(bare, 'wallMs') }, 1.3),
    compared(`${name}: controller CPU`, 'ms', { value: of(ours, 'cpuMs'), baseline: of(bare, 'cpuMs') }, 2),
  ];
}

async function cost(act: () => Promise<unknown>): Promise<Cost> {
  const [cpu, start] = [process.cpuUsage(), performance.now()];
  await act();
  const { user, system } = process.cpuUsage(cpu);
  return { wallMs: performance.now() - start, cpuMs: (user + system) / 1000 };
}

interface Check {
  hostler(): Promise<void>;
  bare(): Promise<void>;
  close(): void;
}

async function prepareCheck(host: Host, privateKey: string): Promise<Check> {
  await host.run(
    `printf '{"live-restore": true}' > /etc/docker/daemon.json; systemctl restart docker; usermod -aG docker root; apt-mark hold docker.io >/dev/null`,
  );
  const connection = await logIn(host, privateKey);
  const effective = effectiveServer({
    spec: { addresses: [{ type: 'IPv4', address: host.address }], ssh: { user: 'root', auth: {} }, docker },
  });
  let previous: Observation = await observe(connection, { effective, tasks, clock: systemClock });
  let script: Script | undefined;
  const recording: Session = {
    privilege: connection.privilege,
    peer: connection.peer,
    run: (sent, options) => {
      script = sent;
      return connection.run(sent, options);
    },
    release: () => undefined,
  };
  previous = await observe(recording, { effective, tasks, previous, clock: systemClock });
  const bareClient = await bareConnection(host, privateKey);
  return {
    hostler: async () => {
      previous = await observe(connection, { effective, tasks, previous, clock: systemClock });
      runPreflight(effective, previous, { privilege: connection.privilege, tasks });
      const { changes } = planHost(effective, previous, tasks);
      const real = changes.filter((change) => change.name !== 'docker-engine/hold');
      if (real.length > 0)
        throw new Error(`the check is not a no-change check: ${real.map((one) => one.what).join('; ')}`);
    },
    bare: async () => {
      if (script === undefined) throw new Error('no script was recorded');
      await bareExec(bareClient, renderScript(script, newFrame()));
    },
    close: () => {
      connection.close();
      bareClient.end();
    },
  };
}

async function logIn(host: Host, privateKey: string): Promise<Connection> {
  const keys: HostKey[] = [];
  return connect({
    addresses: [{ type: 'IPv4', address: host.address }],
    port: host.port,
    user: 'root',
    trust: () => ({
      keys,
      policy: 'TrustOnFirstUse',
      store: (key) => {
        keys.push(key);
        return Promise.resolve();
      },
    }),
    credential: () => Promise.resolve({ kind: 'key', privateKey }),
    privilege: { mode: 'Auto' },
  });
}

async function bareConnection(host: Host, privateKey: string): Promise<Client> {
  const client = new Client();
  await new Promise<void>((resolve, reject) => {
    client.once('ready', resolve).once('error', reject);
    client.once('connect', () => client.setNoDelay(true));
    client.connect({ host: host.address, port: host.port, username: 'root', privateKey, hostVerifier: () => true });
  });
  return client;
}

async function bareExec(client: Client, program: string): Promise<string> {
  return new Promise((resolve, reject) => {
    client.exec('/bin/sh -s', (error, channel) => {
      if (error) {
        reject(error);
        return;
      }
      let output = '';
      channel.on('data', (chunk: Buffer) => (output += chunk.toString()));
      channel.stderr.resume();
      channel.once('close', () => resolve(output));
      channel.end(program);
    });
  });
}

async function freshHostToReady(): Promise<Row> {
  const plane = await StandalonePlane.start();
  try {
    await plane.createSecret('key', 'kubernetes.io/ssh-auth', {
      'ssh-privatekey': await readFile(fleet.keyFile, 'utf8'),
    });
    // not measured: the first run pays for shards, caches of the machine and the package mirror
    await declared(plane, 0);
    const ours: number[] = [];
    const byHand: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      ours.push(await declared(plane, round));
      byHand.push(await scripted(round));
    }
    return compared('fresh host to Ready', 's', { value: median(ours), baseline: median(byHand) }, 1.15);
  } finally {
    await plane.remove();
  }
}

async function declared(plane: StandalonePlane, round: number): Promise<number> {
  const name = `ours-${round}`;
  const host = await fleet.up({ name });
  const start = performance.now();
  await plane.createServer(name, {
    addresses: [{ type: 'IPv4', address: host.address }],
    ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
    docker,
    requirements: { disk: '1G' },
  });
  await plane.waitForCondition(name, 'Ready', 'True');
  const seconds = (performance.now() - start) / 1000;
  await host.kill();
  return seconds;
}

async function scripted(round: number): Promise<number> {
  const host = await fleet.up({ name: `hand-${round}` });
  const start = performance.now();
  await host.run(BY_HAND);
  const seconds = (performance.now() - start) / 1000;
  await host.kill();
  return seconds;
}
