import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../../src/api/meta.ts';
import type { Server } from '../../src/api/server.ts';
import { knownHosts, serverOperations, servers } from '../../src/kube/hostlerResources.ts';
import { configMaps, leases, secrets, type Resource } from '../../src/kube/resource.ts';
import type { Host } from '../hosts/host.ts';
import { Canaries } from './canaries.ts';
import type { ControlPlane } from './controlPlane.ts';
import { brokenOnHost, traceHost, type Known } from './hostInvariants.ts';
import { brokenConditions, brokenInOperation, brokenInServer } from './objectInvariants.ts';
import { underWatch } from './underWatch.ts';

const events: Resource = { group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true };
/** All that users read; Secrets are left out. */
const shown: readonly Resource[] = [servers, knownHosts, serverOperations, events, configMaps, leases];
/** Lines of a log that only a bug writes. */
const BUG = /InternalError|unhandledRejection|uncaughtException|does not come to rest|TypeError|RangeError/;
const SYSTEM = 'hostler-system';
/** Shorter values of Secrets are found by chance. */
const TELLING_LENGTH = 10;
/** What is under way is right a moment later; what is broken stays broken. */
const SETTLE_MS = 8000;
const LOOK_AGAIN_MS = 400;

/** What is looked at beside the objects. */
export interface InvariantOptions {
  /** Hosts that can be looked into, by the name of their Server, which has to own them. Default: found by address. */
  hosts?: ReadonlyMap<string, Host>;
  /** Secrets that must show nowhere, beside those in the Secrets that Servers log in with. */
  canaries?: Canaries;
}

/**
 * What must hold at any moment.
 * @throws Error  naming all that does not hold, and goes on not to hold.
 */
export async function checkInvariants(plane: ControlPlane, options: InvariantOptions = {}): Promise<void> {
  await settled(() => brokenOf(plane, options));
}

/** Checks everything that this test file has made; runs after every integration test. */
export async function expectInvariants(): Promise<void> {
  for (const plane of underWatch.planes) if (plane.isRunning) await checkInvariants(plane);
  for (const bench of underWatch.benches) {
    const broken = bench.servers.flatMap((server) => brokenInServer(server, bench.clock.now()));
    if (broken.length > 0) throw new Error(broken.join('\n'));
  }
}

async function settled(look: () => Promise<string[]>): Promise<void> {
  const until = Date.now() + SETTLE_MS;
  for (;;) {
    const broken = await look();
    if (broken.length === 0) return;
    if (Date.now() > until) throw new Error(broken.join('\n'));
    await sleep(LOOK_AGAIN_MS);
  }
}

async function brokenOf(plane: ControlPlane, options: InvariantOptions): Promise<string[]> {
  const list = async <T extends KubeObject>(resource: Resource<T>) => (await plane.client.list(resource)).items;
  const secretNames = await secretsIn(plane);
  const hidden = (text: string) => [...secretNames.in(text), ...(options.canaries?.in(text) ?? [])];
  const broken: string[] = [];
  for (const server of await list(servers)) {
    const host = options.hosts?.get(server.metadata.name) ?? (await hostOf(server));
    // looked at first: what has ended since is no longer known
    const traces = host === undefined ? undefined : await traceHost(host).catch(() => undefined);
    const current = await plane.client.find(servers, server.metadata);
    if (current === undefined) continue;
    broken.push(...brokenInServer(current));
    if (traces === undefined) continue;
    const known = { ...(await knownTo(plane)), servers: [current, ...(await list(servers))] };
    const owned = options.hosts?.has(server.metadata.name) === true;
    broken.push(...brokenOnHost(current, traces, known, { owned }));
    broken.push(...hidden(traces.shown).map((name) => `${server.metadata.name}: the host shows the ${name}`));
  }
  for (const operation of await list(serverOperations)) broken.push(...brokenInOperation(operation));
  for (const known of await list(knownHosts)) broken.push(...brokenConditions(known, known.status?.conditions ?? []));
  return [...broken, ...(await brokenInLog(plane)), ...(await leaks(plane, hidden))];
}

async function knownTo(plane: ControlPlane): Promise<Omit<Known, 'servers'>> {
  const installation = await plane.client.find(configMaps, { namespace: SYSTEM, name: 'hostler-installation' });
  return {
    installation: installation?.metadata.uid,
    operations: (await plane.client.list(serverOperations)).items,
    leases: (await plane.client.list(leases)).items,
  };
}

/** The test host behind a Server's address, when it is up and looking disturbs nothing. */
async function hostOf({ spec }: Server): Promise<Host | undefined> {
  for (const fleet of underWatch.fleets) {
    const hosts = await fleet.hosts();
    const host = hosts.find(({ address }) => spec.addresses.some((one) => one.address === address));
    if (host !== undefined && (await host.isRunning())) return host;
  }
  return undefined;
}

/** What Servers log in with. */
async function secretsIn(plane: ControlPlane): Promise<Canaries> {
  const canaries = new Canaries();
  for (const { metadata, type, data = {} } of (await plane.client.list(secrets)).items) {
    if (type !== 'kubernetes.io/ssh-auth' && type !== 'kubernetes.io/basic-auth') continue;
    for (const [key, value] of Object.entries(data)) {
      const text = Buffer.from(value, 'base64').toString();
      const name = `${key} of Secret ${metadata.name}`;
      if (text.includes('-----BEGIN')) canaries.addKey(name, text);
      else if (key !== 'username' && text.length >= TELLING_LENGTH) canaries.add(name, text);
    }
  }
  return canaries;
}

async function brokenInLog(plane: ControlPlane): Promise<string[]> {
  const lines = (await plane.log()).split('\n').filter((line) => BUG.test(line));
  return lines.slice(0, 5).map((line) => `the log tells of a bug: ${line.slice(0, 1000)}`);
}

async function leaks(plane: ControlPlane, hidden: (text: string) => string[]): Promise<string[]> {
  const found: string[] = [];
  for (const resource of shown) {
    const { items } = await plane.client.list<KubeObject>(resource);
    found.push(...hidden(JSON.stringify(items)).map((name) => `${resource.plural} show the ${name}`));
  }
  found.push(...hidden(await plane.log()).map((name) => `the log shows the ${name}`));
  return found;
}
