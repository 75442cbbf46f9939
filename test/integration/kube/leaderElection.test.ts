import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LeaderElector } from '../../../src/kube/leaderElection.ts';
import type { Lease } from '../../../src/kube/resource.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { pass, startDouble } from '../../support/kube.ts';

const LEASES = '/apis/coordination.k8s.io/v1/leases';
let home: Awaited<ReturnType<typeof startDouble>>;
let clock: FakeClock;
const stops: AbortController[] = [];
beforeEach(async () => {
  home = await startDouble();
  clock = new FakeClock();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) stop.abort();
  await pass(clock, 1);
  await home.stop();
});

function candidate(identity: string, options: Partial<ConstructorParameters<typeof LeaderElector>[0]> = {}) {
  const story: boolean[] = [];
  const stop = new AbortController();
  stops.push(stop);
  const elector = new LeaderElector({
    client: home.newClient(),
    lease: { namespace: 'hostler-system', name: 'lock' },
    identity,
    log: silentLogger,
    clock,
    wallClock: clock,
    ...options,
  });
  elector.onChange((held) => story.push(held));
  const ended = elector.run(stop.signal);
  return { elector, story, stop, ended };
}

const lease = () => [...home.api.stored(LEASES).values()][0] as Lease | undefined;
const writes = () => home.api.requests.filter((request) => ['PUT', 'POST'].includes(request.method)).length;

describe('LeaderElector', () => {
  it('lets one of two candidates lead, and renews every two seconds', async () => {
    const a = candidate('a');
    await pass(clock, 100);
    const b = candidate('b');
    await pass(clock, 10_000);
    expect([a.elector.isLeader(), b.elector.isLeader()]).toEqual([true, false]);
    expect(lease()?.spec).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 1 });
    expect(lease()?.spec?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(writes()).toBeGreaterThanOrEqual(5);
    expect(writes()).toBeLessThanOrEqual(7);
  });

  it('hands over at once when the holder stops in good order', async () => {
    const a = candidate('a');
    await pass(clock, 100);
    const b = candidate('b');
    await pass(clock, 1000);
    a.stop.abort();
    await a.ended;
    await pass(clock, 2100);
    expect(b.elector.isLeader()).toBe(true);
    expect(lease()?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 2 });
    expect(a.story).toEqual([true, false]);
  });

  it('takes over from a holder that died, after the lease duration by its own clock, and not before', async () => {
    // its times lie a year ahead: the clocks of others are not believed
    home.api.put(LEASES, {
      ...({
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { namespace: 'hostler-system', name: 'lock' },
      } as const),
      spec: {
        holderIdentity: 'dead',
        leaseDurationSeconds: 15,
        renewTime: '2027-01-01T00:00:00.000000Z',
        leaseTransitions: 41,
      },
    });
    const b = candidate('b');
    await pass(clock, 14_000);
    expect(b.elector.isLeader()).toBe(false);
    await pass(clock, 3500);
    expect(b.elector.isLeader()).toBe(true);
    expect(lease()?.spec?.leaseTransitions).toBe(42);
  });

  it('stops believing itself at the renew deadline, before anybody else may take over', async () => {
    const a = candidate('a');
    await pass(clock, 100);
    const b = candidate('b');
    await pass(clock, 5000);
    home.api.fault = (request) =>
      JSON.stringify(request.body ?? {}).includes('"holderIdentity":"a"') ? { status: 500 } : undefined;
    let both = false;
    for (let i = 0; i < 100 && !b.elector.isLeader(); i++) {
      await pass(clock, 250, 250);
      both ||= a.elector.isLeader() && b.elector.isLeader();
    }
    expect(b.elector.isLeader()).toBe(true);
    expect(both).toBe(false);
    expect(a.story).toEqual([true, false]);
  });

  it('knows that it was stopped for too long before anything else runs', async () => {
    const a = candidate('a');
    await pass(clock, 1000);
    expect(a.elector.isLeader()).toBe(true);
    clock.jump(10_000);
    expect(a.elector.isLeader()).toBe(false);
    // nobody else wanted it: it comes back, but as a new term
    await pass(clock, 4000);
    expect(a.elector.isLeader()).toBe(true);
    expect(a.story).toEqual([true, false, true]);
    expect(lease()?.spec?.leaseTransitions).toBe(2);
  });

  it('tells of a loss that a late answer made up for: who asked meanwhile was told no', async () => {
    const a = candidate('a');
    await pass(clock, 1000);
    const renewals: string[] = [];
    home.api.fault = ({ method, path }) => {
      if (method === 'PUT' && renewals.push(path) === 1) clock.jump(10_000);
      return undefined;
    };
    while (renewals.length === 0) await pass(clock, 250, 250);
    for (let i = 0; i < 100 && !a.elector.isLeader(); i++) await pass(clock, 250, 250);
    expect(a.elector.isLeader()).toBe(true);
    expect(a.story).toEqual([true, false, true]);
  });

  it('takes its own lease over at once after a restart with the same identity, as a new term', async () => {
    const before = candidate('same');
    await pass(clock, 1000);
    expect(before.elector.isLeader()).toBe(true);
    const after = candidate('same');
    await pass(clock, 100);
    expect(after.elector.isLeader()).toBe(true);
    expect(lease()?.spec?.leaseTransitions).toBe(2);
    // if the old process lives after all, it finds itself replaced and does not take the lease back
    await pass(clock, 6000);
    expect(before.elector.isLeader()).toBe(false);
    expect(after.story).toEqual([true]);
    expect(lease()?.spec?.leaseTransitions).toBe(2);
  });

  it('gives up and starts a new term when somebody deletes its lease', async () => {
    const a = candidate('a');
    await pass(clock, 1000);
    home.api.remove(LEASES, 'hostler-system/lock');
    await pass(clock, 2500);
    expect(a.story).toEqual([true, false, true]);
    expect(lease()?.spec?.holderIdentity).toBe('a');
  });

  it('outlives a short outage of the API server', async () => {
    const a = candidate('a');
    await pass(clock, 1000);
    home.api.fault = () => ({ drop: true });
    await pass(clock, 6000);
    home.api.fault = () => undefined;
    await pass(clock, 4000);
    expect(a.story).toEqual([true]);
    expect(a.elector.isLeader()).toBe(true);
  });
});
