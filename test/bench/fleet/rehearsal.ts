import { setTimeout as sleep } from 'node:timers/promises';
import { findCondition } from '../../../src/api/conditions.ts';
import { API_VERSION } from '../../../src/api/meta.ts';
import type { Server } from '../../../src/api/server.ts';
import { Client } from '../../../src/kube/client.ts';
import { servers as serverResource } from '../../../src/kube/hostlerResources.ts';
import { SharedInformer } from '../../../src/kube/informer.ts';
import { secrets } from '../../../src/kube/resource.ts';
import { generateKeyPair } from '../../../src/ssh/keys.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { freePort } from '../../support/freePort.ts';
import { inParallel } from '../apiLoad.ts';
import type { BuiltProcess } from '../builtProcess.ts';
import { absolute, measured, percentile, type Row } from '../report.ts';
import { type ControlPlane, createControlPlane } from './controlPlane.ts';
import { between, describe, Probe, sumOf } from './probe.ts';
import { CHANGED_DOCKER, specOf } from './servers.ts';
import { addressOf, SimulatedFleet } from './simulatedFleet.ts';

/** See fleet.ts. */
export interface RehearsalOptions {
  servers: number;
  /** API server and controllers as two processes. */
  apart: boolean;
  connections: number;
  minutes: number;
  changes: number;
  profile: string | undefined;
}

const NAMESPACE = 'default';
const CREATORS = 8;
/** No fleet takes longer than that, or the bench tells what is missing. */
const PATIENCE_MS = 45 * 60_000;
const PROGRESS_MS = 15_000;

/** Runs everything once, in this order: empty to Ready, steady state with changes, restart with changes. */
export async function rehearse(options: RehearsalOptions): Promise<Row[]> {
  const fleet = await SimulatedFleet.start(options.servers, await freePort());
  const { apart, connections, profile } = options;
  const nodeFlags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const plane = await createControlPlane({ apart, connections, nodeFlags });
  const rehearsal = new Rehearsal(options, plane, fleet);
  try {
    await plane.start();
    const rows = [...(await rehearsal.setUp()), ...(await rehearsal.steady()), ...(await rehearsal.restart())];
    const { unknown, overdue } = await fleet.report();
    if (unknown.length > 0)
      throw new Error(
        `${unknown.length} scripts are not in the recording; npm run bench:fleet -- --record:\n${unknown[0]}`,
      );
    return [...rows, measured('scripts that passed their deadline', '', overdue)];
  } finally {
    rehearsal.stop();
    await plane.stop();
    await plane.remove();
    fleet.stop();
  }
}

class Rehearsal {
  readonly #options: RehearsalOptions;
  readonly #plane: ControlPlane;
  /** Of whom CPU and memory are told. */
  readonly #whose: string;
  readonly #fleet: SimulatedFleet;
  /** Who waits for a Server, by its name. */
  readonly #waiting = new Map<string, (server: Server) => void>();
  #follower: AbortController | undefined;
  #changed = 0;

  constructor(options: RehearsalOptions, plane: ControlPlane, fleet: SimulatedFleet) {
    this.#options = options;
    this.#plane = plane;
    this.#whose = options.apart ? 'of the controllers' : 'API server and store included';
    this.#fleet = fleet;
  }

  /** Everything from an empty store: Servers created as fast as the API takes them, until all are Ready. */
  async setUp(): Promise<Row[]> {
    const { servers } = this.#options;
    const client = this.#client();
    const key = Buffer.from(generateKeyPair('fleet').privateKey).toString('base64');
    await client.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'fleet', namespace: NAMESPACE },
      type: 'kubernetes.io/ssh-auth',
      data: { 'ssh-privatekey': key },
    });
    const ready = this.#follow();
    const probe = await Probe.open(this.#plane, this.#fleet);
    const [before, begin] = [await probe.totals(), performance.now()];
    await inParallel(CREATORS, servers, (index) => client.create(serverResource, serverOf(index, this.#fleet.port)));
    const createdMs = performance.now() - begin;
    await this.#until(`${servers} Servers Ready`, () => (ready() === servers ? undefined : `${ready()} Ready`));
    const seconds = (performance.now() - begin) / 1000;
    const rates = between(before, await probe.totals());
    probe.close();
    console.log(`set-up: created in ${(createdMs / 1000).toFixed(1)} s; ${describe(rates)}`);
    await this.#checkSize(client);
    return [
      measured(`${servers} Servers from empty to all Ready`, 's', seconds),
      measured('the same: writes to the API per Server', '', sumOf(rates.writes) / servers),
      measured(`the same: peak RSS, ${this.#whose}`, 'MB', await this.#plane.controllers.memory('VmHWM')),
      measured('the same: event loop delay p99', 'ms', rates.loop.p99),
    ];
  }

  /** Nothing to do but looking, then single changes in the middle of it. */
  async steady(): Promise<Row[]> {
    const { servers, minutes, changes } = this.#options;
    const probe = await Probe.open(this.#plane, this.#fleet);
    // the first looks after the set-up still move in step with it, and its Events are written no faster than others
    await this.#until('the end of the set-up', async () => {
      const events = (await probe.totals()).writes.get('events');
      await sleep(30_000);
      return events === (await probe.totals()).writes.get('events') ? undefined : 'its Events are still written';
    });
    const before = await probe.totals();
    await sleep(minutes * 60_000);
    const rates = between(before, await probe.totals());
    const { open } = await this.#fleet.report();
    const rss = await this.#plane.controllers.memory('VmRSS');
    console.log(`steady state, ${describe(rates)}; ${open} connections; ${await this.#memory()}`);
    const perHour = (sumOf(rates.writes) / rates.seconds) * 3600;
    const reactions = await this.#change(changes);
    probe.close();
    return [
      absolute(`steady state: CPU, ${this.#whose}`, 'cores', rates.cpuShare, { atMost: 1 }),
      absolute('the same: API writes per Server and hour', '', perHour / servers, {
        atMost: Math.max(0.2, 720 / servers),
      }),
      measured(
        'the same: writes of Servers per hour',
        '',
        ((rates.writes.get('servers/status') ?? 0) / rates.seconds) * 3600,
      ),
      measured('the same: SSH logins per minute', '', rates.loginsPerSecond * 60),
      measured('the same: looks per second', '', rates.looksPerSecond),
      measured('the same: event loop delay p99', 'ms', rates.loop.p99),
      absolute(`the same: RSS, ${this.#whose}`, 'MB', rss, { atMost: 1536 }),
      ...reactionRows('one change in steady state', reactions),
    ];
  }

  /** The control plane stops and starts; every host is looked at again; changes come meanwhile. */
  async restart(): Promise<Row[]> {
    const { servers } = this.#options;
    this.stop();
    await this.#plane.stop();
    await this.#fleet.report({ reset: true });
    const begin = performance.now();
    await this.#plane.start();
    const started = performance.now();
    this.#follow();
    const probe = await Probe.open(this.#plane, this.#fleet);
    const before = await probe.totals();
    const looked = async (): Promise<number> => (await this.#fleet.report()).looked;
    await this.#until('the first look', async () => ((await looked()) > 0 ? undefined : 'not looked yet'));
    const firstLookMs = performance.now() - started;
    const changing = this.#change(Math.min(10, this.#options.changes));
    const logins = new Pace(before.logins);
    await this.#until(`${servers} hosts looked at`, async () => {
      const report = await this.#fleet.report();
      logins.note(report.logins);
      return report.looked === servers ? undefined : `${report.looked} looked at`;
    });
    const seconds = (performance.now() - begin) / 1000;
    const rates = between(before, await probe.totals());
    const reactions = await changing;
    probe.close();
    console.log(
      `restart: ready after ${(started - begin).toFixed(0)} ms, first look after ${firstLookMs.toFixed(0)} ms more; ${describe(rates)}; ${await this.#memory()}`,
    );
    const writes = sumOf(rates.writes) - (rates.writes.get('leases') ?? 0);
    return [
      measured('restart: until every host was looked at again', 's', seconds),
      measured(`the same: CPU, ${this.#whose}`, 'cores', rates.cpuShare),
      measured('the same: most logins per second', '1/s', logins.most),
      measured('the same: writes per Server, Leases apart', '', writes / servers),
      measured('the same: event loop delay p99', 'ms', rates.loop.p99),
      absolute(`the same: peak RSS, ${this.#whose}`, 'MB', await this.#plane.controllers.memory('VmHWM'), {
        atMost: 1536,
      }),
      ...reactionRows('one change during the restart', reactions),
    ];
  }

  /** Ends what follows the Servers. */
  stop(): void {
    this.#follower?.abort();
  }

  #client(): Client {
    return new Client({ connection: this.#plane.connection });
  }

  async #memory(): Promise<string> {
    const { api, controllers } = this.#plane;
    const of = async (process: BuiltProcess): Promise<string> => {
      const [rss, anonymous] = [await process.memory('VmRSS'), await process.memory('RssAnon')];
      return `RSS ${rss.toFixed(0)} MB, of it anonymous ${anonymous.toFixed(0)} MB`;
    };
    return api === controllers ? of(api) : `controllers ${await of(controllers)}; API server ${await of(api)}`;
  }

  /** Counts Ready Servers by a watch; tells {@link #change} of each state. */
  #follow(): () => number {
    const ready = new Set<string>();
    const see = (server: Server): void => {
      if (isReady(server)) ready.add(server.metadata.name);
      else ready.delete(server.metadata.name);
      this.#waiting.get(server.metadata.name)?.(server);
    };
    const informer = new SharedInformer({ client: this.#client(), resource: serverResource, log: silentLogger });
    informer.addHandler({ added: see, updated: (_before, server) => see(server) });
    this.#follower = new AbortController();
    void informer.run(this.#follower.signal).catch(() => undefined);
    return () => ready.size;
  }

  /** One Server after the other gets a changed daemonConfig. */
  async #change(count: number): Promise<Reaction[]> {
    const client = this.#client();
    const reactions: Reaction[] = [];
    for (let i = 0; i < count; i++) {
      // spread over all, each once
      const index = (this.#changed++ * 7919 + 17) % this.#options.servers;
      const key = { namespace: NAMESPACE, name: nameOf(index) };
      const patched = { generation: Number.POSITIVE_INFINITY };
      const done = new Promise<number>((resolve) => {
        this.#waiting.set(key.name, (server) => {
          if (isReady(server) && (server.status?.observedGeneration ?? 0) >= patched.generation) resolve(Date.now());
        });
      });
      const begin = Date.now();
      const { metadata } = await client.patch(serverResource, key, { spec: { docker: CHANGED_DOCKER } });
      patched.generation = metadata.generation ?? 0;
      const readyAt = await done;
      this.#waiting.delete(key.name);
      const { firstBytes } = await this.#fleet.report();
      const first = firstBytes.find((one) => one.index === index && one.at >= begin);
      reactions.push({ firstByteMs: (first?.at ?? Number.NaN) - begin, readyMs: readyAt - begin });
    }
    return reactions;
  }

  async #until(what: string, missing: () => string | undefined | Promise<string | undefined>): Promise<void> {
    const limit = performance.now() + PATIENCE_MS;
    let told = performance.now();
    for (;;) {
      const left = await missing();
      if (left === undefined) return;
      if (performance.now() > limit) throw new Error(`${what}: not in ${PATIENCE_MS / 60_000} minutes; ${left}`);
      if (performance.now() - told > PROGRESS_MS) {
        told = performance.now();
        const { unknown } = await this.#fleet.report();
        console.log(`  ${left}${unknown.length > 0 ? `; not recorded: ${unknown[0]}` : ''}`);
      }
      await sleep(500);
    }
  }

  async #checkSize(client: Client): Promise<void> {
    const stored = await client.get(serverResource, { namespace: NAMESPACE, name: nameOf(0) });
    console.log(`a stored Server has ${Buffer.byteLength(JSON.stringify(stored))} bytes`);
  }
}

/** The steepest second of a total that grows. */
class Pace {
  most = 0;
  #since: { at: number; total: number };

  constructor(total: number) {
    this.#since = { at: performance.now(), total };
  }

  note(total: number): void {
    const seconds = (performance.now() - this.#since.at) / 1000;
    if (seconds < 1) return;
    this.most = Math.max(this.most, (total - this.#since.total) / seconds);
    this.#since = { at: performance.now(), total };
  }
}

interface Reaction {
  /** From sending the patch until the host got a script. */
  firstByteMs: number;
  readyMs: number;
}

function reactionRows(name: string, reactions: readonly Reaction[]): Row[] {
  const first = reactions.map((one) => one.firstByteMs);
  const ready = reactions.map((one) => one.readyMs);
  return [
    measured(`${name}: first SSH byte p50 of ${reactions.length}`, 'ms', percentile(first, 50)),
    absolute(`${name}: first SSH byte p99`, 'ms', percentile(first, 99), { atMost: 1000 }),
    measured(`${name}: Ready again p50`, 'ms', percentile(ready, 50)),
    measured(`${name}: Ready again p99`, 'ms', percentile(ready, 99)),
  ];
}

function isReady({ metadata, status }: Server): boolean {
  return (
    status?.observedGeneration === metadata.generation && findCondition(status?.conditions, 'Ready')?.status === 'True'
  );
}

function nameOf(index: number): string {
  return `eu-${index}`;
}

function serverOf(index: number, port: number): Server {
  const metadata = { name: nameOf(index), namespace: NAMESPACE };
  return { apiVersion: API_VERSION, kind: 'Server', metadata, spec: specOf(addressOf(index), port) };
}
