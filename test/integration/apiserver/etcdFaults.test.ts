import { setTimeout as sleep } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEtcdStorage } from '../../../src/apiserver/storage/etcd.ts';
import { eventually, startTestServer, type OpenWatch, type Reply, type TestServer } from '../../support/apiServer.ts';
import { EtcdCluster, type EtcdMember } from '../../support/etcd.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
/** HOSTLER_OUTAGE_SECONDS=60 for the full minute. */
const OUTAGE_MS = Number(process.env['HOSTLER_OUTAGE_SECONDS'] ?? 8) * 1000;
const WRITERS = 6;
/** An election, and what a loaded machine adds. */
const RECOVERY_MS = 30_000;
/** In an outage nobody waits for long; a loaded machine adds to it. */
const ANSWER_MS = 20_000;

let cluster: EtcdCluster;
let server: TestServer;

beforeAll(async () => {
  cluster = await EtcdCluster.start({ members: 3 });
  server = await startTestServer({ storage: await openEtcdStorage({ endpoints: cluster.endpoints, prefix: '/acme' }) });
});
afterAll(async () => {
  await server.close();
  await cluster.remove();
});

/** Writers that go on through everything, and what they were told. */
class Storm {
  /** name → resourceVersion that was acknowledged. */
  readonly acknowledged = new Map<string, number>();
  readonly refusals: Reply[] = [];
  #running = true;
  readonly #writers: Promise<void>[];

  constructor(name: string) {
    this.#writers = Array.from({ length: WRITERS }, (_, i) => this.#write(`${name}-${i}`));
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#writers);
  }

  /** Waits until so many more writes were acknowledged. */
  async more(count: number): Promise<void> {
    const goal = this.acknowledged.size + count;
    await eventually(() => expect(this.acknowledged.size).toBeGreaterThanOrEqual(goal), RECOVERY_MS);
  }

  async #write(writer: string): Promise<void> {
    for (let i = 0; this.#running; i++) {
      const name = `${writer}-${i}`;
      const reply = await server.post(MAPS, { metadata: { name } });
      if (reply.code === 201) {
        this.acknowledged.set(name, Number(reply.body.metadata.resourceVersion));
        continue;
      }
      this.refusals.push(reply);
      await sleep(100);
    }
  }
}

/** Refusals that a client is meant to repeat, and nothing else: no 500, and no 409 for an own write. */
function expectRetriable(refusals: readonly Reply[]): void {
  for (const { code, headers, text } of refusals) {
    expect([503, 504], text).toContain(code);
    expect(headers['retry-after'], text).toMatch(/^\d+$/);
  }
}

/** Every acknowledged write is there at its version, and was sent to the watcher, once and in order. */
async function expectNothingLost(storm: Storm, watch: OpenWatch): Promise<void> {
  const { body } = await server.get(MAPS);
  const found = new Map(body.items.map((item) => [item.metadata.name, Number(item.metadata.resourceVersion)]));
  for (const [name, version] of storm.acknowledged) expect(found.get(name), name).toBe(version);
  const last = Math.max(...storm.acknowledged.values());
  await watch.find((event) => Number(event.object.metadata.resourceVersion) >= last, RECOVERY_MS);
  const seen = watch.events.map((event) => Number(event.object.metadata.resourceVersion));
  expect(seen).toEqual([...new Set(seen)].sort((x, y) => x - y));
  const versions = new Set(seen);
  for (const [name, version] of storm.acknowledged) expect(versions.has(version), `event of ${name}`).toBe(true);
}

async function leader(): Promise<EtcdMember> {
  for (const member of cluster.members) {
    const client = new Etcd3({ hosts: member.endpoint });
    const status = await client.maintenance.status();
    client.close();
    if (status.leader === status.header.member_id) return member;
  }
  throw new Error('etcd has no leader');
}

async function watchFromNow(): Promise<OpenWatch> {
  const { body } = await server.get(MAPS);
  const watch = server.watch(`${MAPS}?watch=true&resourceVersion=${body.metadata.resourceVersion}`);
  expect(await watch.code).toBe(200);
  return watch;
}

describe('etcd under load', () => {
  it('loses its leader: writes go on, nothing acknowledged is lost, watches miss nothing', async () => {
    const watch = await watchFromNow();
    const storm = new Storm('leader');
    await storm.more(50);
    const killed = await leader();
    await killed.kill();
    await storm.more(50);
    await killed.start();
    await storm.more(20);
    await storm.stop();
    expectRetriable(storm.refusals);
    await expectNothingLost(storm, watch);
    watch.close();
  }, 120_000);

  it('freezes where the server is connected: another member is used', async () => {
    const watch = await watchFromNow();
    const storm = new Storm('frozen');
    await storm.more(20);
    const frozen = await leader();
    frozen.signal('SIGSTOP');
    try {
      await storm.more(50);
    } finally {
      frozen.signal('SIGCONT');
    }
    await storm.stop();
    expectRetriable(storm.refusals);
    await expectNothingLost(storm, watch);
    watch.close();
  }, 120_000);

  it('is gone for a while: 503 with Retry-After at once, no 500, and all goes on by itself', async () => {
    const watch = await watchFromNow();
    const before = Number((await server.get(MAPS)).body.metadata.resourceVersion);
    const storm = new Storm('outage');
    await storm.more(20);
    await cluster.killAll();
    const until = Date.now() + OUTAGE_MS;
    await sleep(5_000);
    while (Date.now() < until) {
      const begin = performance.now();
      const asked = [server.get(MAPS), server.get(`${MAPS}/none`), server.get('/readyz')] as const;
      const [list, get, ready] = await Promise.all(asked);
      expectRetriable([list, get]);
      expect(ready.code).toBe(500); // as Kubernetes: not ready
      expect((await server.get('/version')).code).toBe(200);
      expect(performance.now() - begin).toBeLessThan(ANSWER_MS);
      await sleep(500);
    }
    await cluster.startAll();
    await storm.more(20);
    await storm.stop();
    expectRetriable(storm.refusals);
    expect(storm.refusals.length).toBeGreaterThan(0);
    await expectNothingLost(storm, watch);
    watch.close();
    expect(Number((await server.get(MAPS)).body.metadata.resourceVersion)).toBeGreaterThan(before);
    expect((await server.get('/readyz')).code).toBe(200);
  }, 180_000);
});
