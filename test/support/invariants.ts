import { alwaysPresent, findCondition } from '../../src/api/conditions.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { reasons } from '../../src/api/reasons.ts';
import type { Server } from '../../src/api/server.ts';
import { knownHosts, serverOperations, servers } from '../../src/kube/hostlerResources.ts';
import { configMaps, leases, type Resource } from '../../src/kube/resource.ts';
import type { Host } from '../hosts/host.ts';
import type { Canaries } from './canaries.ts';
import type { ControlPlane } from './controlPlane.ts';

const events: Resource = { group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true };
/** All that users read; Secrets are left out. */
const shown: readonly Resource[] = [servers, knownHosts, serverOperations, events, configMaps, leases];
/** Lines of a log that only a bug writes. */
const BUG = /InternalError|unhandledRejection|uncaughtException|does not come to rest|TypeError|RangeError/;

/** What is looked at beside the objects. */
export interface InvariantOptions {
  /** Hosts that can be looked into, by the name of their Server. */
  hosts?: ReadonlyMap<string, Host>;
  /** Secrets that must show nowhere. */
  canaries?: Canaries;
}

/**
 * What must hold at any moment; run after every e2e test.
 * @throws Error  naming all that does not hold.
 */
export async function checkInvariants(plane: ControlPlane, options: InvariantOptions = {}): Promise<void> {
  const { items } = await plane.client.list(servers);
  const broken = items.flatMap((server) => brokenIn(server));
  for (const server of items) {
    const host = options.hosts?.get(server.metadata.name);
    if (host !== undefined) broken.push(...(await brokenOnHost(plane, server, host)));
  }
  broken.push(...(await brokenInLog(plane)));
  if (options.canaries !== undefined) broken.push(...(await leaks(plane, options.canaries)));
  if (broken.length > 0) throw new Error(broken.join('\n'));
}

type Must = (holds: boolean, what: string) => void;

/** Collects what does not hold of one Server. */
function listOf(server: Server): { broken: string[]; must: Must } {
  const broken: string[] = [];
  const must: Must = (holds, what) => {
    if (!holds) broken.push(`${server.metadata.name}: ${what}`);
  };
  return { broken, must };
}

function brokenIn(server: Server): string[] {
  const { metadata, status } = server;
  const { broken, must } = listOf(server);
  const conditions = status?.conditions ?? [];
  for (const type of alwaysPresent) must(findCondition(conditions, type) !== undefined, `condition ${type} is missing`);
  must(new Set(conditions.map((one) => one.type)).size === conditions.length, 'a condition type stands twice');
  const is = (type: Parameters<typeof findCondition>[1]) => findCondition(conditions, type)?.status === 'True';
  must(!(is('Ready') && is('Stalled')), 'Ready and Stalled');
  must(!(is('Reconciling') && is('Stalled')), 'Reconciling and Stalled');
  for (const type of ['Reachable', 'HostKeyVerified', 'Authenticated'] as const)
    must(is(type) || !is('Ready'), `Ready, but not ${type}`);
  must((status?.observedGeneration ?? 0) <= (metadata.generation ?? 0), 'observedGeneration > generation');
  must((status?.appliedGeneration ?? 0) <= (status?.observedGeneration ?? 0), 'appliedGeneration > observedGeneration');
  must((status?.jobs?.length ?? 0) <= 1, 'more than one job at once');
  for (const one of conditions) {
    must(Object.hasOwn(reasons, one.reason), `reason ${one.reason} of ${one.type} is not in the vocabulary`);
    must(one.reason !== 'InternalError', `${one.type} tells of a bug: ${one.message}`);
    must(one.message !== '', `${one.type} has no message`);
    must(!/undefined|\[object|NaN/.test(one.message), `${one.type} has a hole in its message: ${one.message}`);
    must(Date.parse(one.lastTransitionTime) <= Date.now() + 1000, `${one.type} changed in the future`);
    must((one.observedGeneration ?? 0) <= (metadata.generation ?? 0), `${one.type} is ahead of the generation`);
    must(
      !['Reconciling', 'Stalled', 'Deleting'].includes(one.type) || one.status === 'True',
      `${one.type} is not True`,
    );
  }
  return broken;
}

/** The owner file belongs to the Server and to a Lease that is no older; jobs on the host stand in the status. */
async function brokenOnHost(plane: ControlPlane, server: Server, host: Host): Promise<string[]> {
  const { broken, must } = listOf(server);
  const known = (server.status?.jobs ?? []).map(({ name }) => name);
  for (const id of (await host.run('ls /var/lib/hostler/jobs 2>/dev/null || true')).split('\n').filter(Boolean))
    must(known.includes(id), `job ${id} on the host is not in the status`);
  const open = (server.status?.confirmations ?? []).map(({ id }) => id);
  const armed = 'for one in /var/lib/hostler/confirm/*/armed; do [ ! -e "$one" ] || basename "${one%/armed}"; done';
  for (const id of (await host.run(armed)).split('\n').filter(Boolean))
    must(open.includes(id), `change ${id}, which waits for its proof on the host, is not in the status`);
  const text = await host.run('cat /var/lib/hostler/owner 2>/dev/null || true');
  if (text === '') return broken;
  const owner = new URLSearchParams(text.trim().replaceAll('\n', '&'));
  const system = 'hostler-system';
  const installation = await plane.client.get(configMaps, { namespace: system, name: 'hostler-installation' });
  must(
    owner.get('installation') === installation.metadata.uid,
    `the owner file is of installation ${owner.get('installation')}`,
  );
  must(owner.get('server') === server.metadata.uid, `the owner file is of Server ${owner.get('server')}`);
  const lease = (await plane.client.list(leases)).items.find(({ metadata }) => metadata.uid === owner.get('lease'));
  must(lease !== undefined, `the owner file names Lease ${owner.get('lease')}, which is not there`);
  const transitions = lease?.spec?.leaseTransitions ?? 0;
  must(
    Number(owner.get('transitions')) <= transitions,
    `the owner file is ahead of its Lease (${transitions}): ${text}`,
  );
  return broken;
}

async function brokenInLog(plane: ControlPlane): Promise<string[]> {
  const lines = (await plane.log()).split('\n').filter((line) => BUG.test(line));
  return lines.slice(0, 5).map((line) => `the log tells of a bug: ${line.slice(0, 1000)}`);
}

async function leaks(plane: ControlPlane, canaries: Canaries): Promise<string[]> {
  const found: string[] = [];
  for (const resource of shown) {
    const { items } = await plane.client.list<KubeObject>(resource);
    found.push(...canaries.in(JSON.stringify(items)).map((name) => `${resource.plural} show the ${name}`));
  }
  found.push(...canaries.in(await plane.log()).map((name) => `the log shows the ${name}`));
  return found;
}
