import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import { API_VERSION } from '../../src/api/meta.ts';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import { ApiError } from '../../src/kube/apiError.ts';
import { serverOperations, servers } from '../../src/kube/hostlerResources.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { checkInvariants } from '../support/invariants.ts';
import { serveProxyImages, tags } from '../support/proxyImages.ts';
import { watchRequests, type Watched } from '../support/requestWatch.ts';
import { expectNoJobLeft, expectProxy } from '../support/soundHost.ts';
import { isConverged, isTrue } from './converged.ts';
import { faultHome } from './faultHome.ts';
import { MortalPlane } from './mortalPlane.ts';

type Proxy = NonNullable<ServerSpec['proxy']>;

const FLAGS = ['--health-interval', '2s', '--drift-interval', '4s'];
const NAME = 'web';
const KEY = { namespace: 'default', name: NAME };
const SWITCH_MS = 120_000;
const all = process.env['HOSTLER_FAULT_KILLS'] === 'all';
/** Where the job of the switch begins, where its end is known, and where the approval is taken. */
const TELLING = ['in start-job', 'after start-job', 'before consume-job', 'after PATCH serveroperations/status'];
/** Longer than a request is under way. */
const UNDER_WAY_MS = 200;

let fleet: Fleet;
let host: Host;
let mortal: MortalPlane;
/** Two versions of one type, and another type: each takes the place of the one before. */
let proxies: readonly Proxy[];
let switches = 0;

beforeAll(async () => {
  fleet = await Fleet.create();
  const [registry, target, plane] = await Promise.all([
    fleet.up({ docker: true }),
    fleet.up({ docker: true }),
    MortalPlane.start(FLAGS, await faultHome('faults/proxySwitch', 1)),
  ]);
  host = target;
  mortal = plane;
  const image = await serveProxyImages(registry);
  proxies = [
    { type: 'Nginx', image, version: tags.good },
    { type: 'Nginx', image, version: tags.newer },
    { type: 'Traefik', image: image.replace('nginx', 'traefik'), version: 'stand-in' },
  ];
  await mortal.plane.createSecret('key', 'kubernetes.io/ssh-auth', {
    'ssh-privatekey': await readFile(fleet.keyFile, 'utf8'),
  });
  await mortal.plane.createServer(NAME, {
    addresses: [{ type: 'IPv4', address: host.address }],
    ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
    docker: {
      version: '20.10',
      hold: false,
      daemonConfig: { 'live-restore': true, 'insecure-registries': [image.replace(/\/.*/, '')] },
    },
    proxy: proxies[0]!,
    requirements: { disk: '1G' },
  });
  await mortal.plane.waitFor(NAME, isConverged);
});
afterAll(async () => {
  await mortal.plane.remove();
  await fleet.down();
});

/** What happened to containers of the proxy since `since`, such as `stop hostler-proxy`, with when. */
async function containerEvents(since: number): Promise<{ what: string; at: number }[]> {
  const lines = await host.run(
    `docker events --since "$1" --until "$2" --filter type=container --format '{{.TimeNano}} {{.Action}} {{index .Actor.Attributes "name"}}'`,
    { args: [String(since / 1000), String(Date.now() / 1000)] },
  );
  return lines
    .split('\n')
    .filter((line) => line.includes(' hostler-proxy'))
    .map((line) => ({ what: line.slice(line.indexOf(' ') + 1), at: Number(line.split(' ', 1)[0]) / 1e6 }));
}

/** Declares the next proxy while the control plane dies at points that begin so, and approves what it plans. */
async function switchProxy(point: string): Promise<void> {
  const to = proxies[++switches % proxies.length]!;
  await mortal.arm({ at: `^${point.replace(/[^\w /-]/g, '\\$&')}( |$)` });
  const since = Date.now();
  const watch = watchRequests(`http://${host.address}/`);
  let gapSeconds: number | undefined;
  let seen: Watched;
  try {
    await mortal.plane.client.patch(servers, KEY, { spec: { proxy: to } }).catch(ifDead);
    await mortal.outlive(
      async () => {
        gapSeconds ??= await approve(to);
        const server = await mortal.plane.server(NAME);
        return gapSeconds !== undefined && isConverged(server) && isTrue(server, 'InSync');
      },
      SWITCH_MS,
      all ? { deaths: 1 } : {},
    );
  } finally {
    seen = await watch.stop();
  }
  await expectProxy(host, to);
  expect(seen.longestGapMs, 'the gap').toBeLessThanOrEqual(gapSeconds! * 1000);
  const events = await containerEvents(since);
  const count = (what: string) => events.filter((one) => one.what === what).length;
  expect(count('start hostler-proxy-next'), 'how often a new proxy was started').toBe(1);
  expect(count('start hostler-proxy'), 'how often the old proxy came back').toBe(0);
  expect(count('stop hostler-proxy'), 'how often the old proxy was stopped').toBe(1);
  const touched = events.find(({ what }) => what === 'kill hostler-proxy')?.at ?? Infinity;
  const early = seen.lost.filter((line) => Date.parse(line.split(' ', 1)[0]!) < touched - UNDER_WAY_MS);
  expect(early, 'lost while the old proxy was not touched').toEqual([]);
  await expectNoJobLeft(host);
  await checkInvariants(mortal.plane, { hosts: new Map([[NAME, host]]) });
}

/** Approves what waits for it. @returns the gap that is announced, in seconds; undefined: nothing waits yet. */
async function approve(to: Proxy): Promise<number | undefined> {
  const { spec, status, metadata } = await mortal.plane.server(NAME);
  // it may have died before the declaration was taken
  if (spec.proxy?.version !== to.version) await mortal.plane.client.patch(servers, KEY, { spec: { proxy: to } });
  const [change] = status?.pendingChanges ?? [];
  const isCurrent = status?.observedGeneration === metadata.generation;
  if (!isCurrent || findCondition(status?.conditions, 'InSync')?.reason !== 'WaitingForApproval') return undefined;
  await mortal.plane.client
    .create(serverOperations, {
      apiVersion: API_VERSION,
      kind: 'ServerOperation',
      metadata: { name: `approve-${switches}`, namespace: 'default' },
      spec: { serverRef: { name: NAME }, type: 'Approve', approve: { planHash: status!.planHash! } },
    })
    .catch((error: unknown) => {
      // it was taken, and the answer was lost
      if (!(error instanceof ApiError && error.code === 409)) throw error;
    });
  return change?.expectedGapSeconds;
}

/** All points that a switch comes by. */
async function pointsOfOneSwitch(): Promise<string[]> {
  await switchProxy('nowhere');
  return mortal.passed();
}

function ifDead(error: unknown): void {
  if (mortal.plane.isRunning) throw error;
}

describe('a control plane that is killed while a proxy takes the place of another', () => {
  it(
    'comes back to one proxy that answers, switched once, within the announced gap, wherever it died',
    { timeout: all ? 6_000_000 : 600_000 },
    async () => {
      const points = all ? await pointsOfOneSwitch() : TELLING;
      const wrong: string[] = [];
      let survived = 0;
      for (const point of points) {
        try {
          await switchProxy(point);
        } catch (error) {
          wrong.push(`${point}: ${error instanceof Error ? error.message : String(error)}`);
          console.log(wrong.at(-1));
        }
        const deaths = await mortal.deaths();
        if (deaths.length === 0) survived += 1;
        console.log(`${point}: ${deaths.length === 0 ? 'did not come by' : `died ${deaths.join(', ')}`}`);
      }
      expect(wrong).toEqual([]);
      // what goes before a command, and whether it takes long enough to die in its middle, differs from time to time
      expect(survived, 'points that it did not come by').toBeLessThanOrEqual(all ? points.length / 2 : 0);
    },
  );
});
