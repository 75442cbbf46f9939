import { beforeEach, describe, expect, it } from 'vitest';
import { findCondition, type Condition } from '../../../../src/api/conditions.ts';
import type { ServerStatus } from '../../../../src/api/serverStatus.ts';
import { restore } from '../../../../src/controllers/server/machine.ts';
import type { Scope } from '../../../../src/controllers/server/scope.ts';
import { statusOf } from '../../../../src/controllers/server/status.ts';
import type { Check, Preflight } from '../../../../src/host/preflight.ts';
import { toTime } from '../../../../src/lib/clock.ts';
import { TransientError } from '../../../../src/lib/errors.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { emptyMemory, scopeOf, serverWith } from '../../../support/serverScope.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let clock: FakeClock;
let status: ServerStatus;

beforeEach(() => {
  clock = new FakeClock();
  status = {};
});

/** A run at the present time, of which nothing is known yet. */
function run(found: Partial<Scope>): void {
  const server = { ...serverWith(), status };
  const memory = { ...emptyMemory(), connectFailures: 5 };
  const scope = scopeOf({ server, now: clock.now(), requalifyAfterMs: 7 * DAY, memory });
  const snapshot = restore({ schema: 1, lifecycle: 'Active', maintenance: 'UpToDate', attempts: 0 });
  status = statusOf({ ...scope, snapshot, ...found }, []);
}

function preflight(result: Preflight['result'], message = '3 GB are free.'): void {
  const check: Check = {
    name: 'disk',
    severity: 'Required',
    result: result === 'Qualified' ? 'Pass' : 'Fail',
    fixable: result === 'NeedsSetup',
    reason: result === 'Qualified' ? 'CheckPassed' : 'CheckFailed',
    message,
  };
  run({ preflight: { result, checks: [check], passed: 1, failed: 0, warnings: 0 } });
}
const away = (): void =>
  run({ login: { outcome: 'failed', error: new TransientError('ConnectionRefused', 'refused.') } });
const qualified = (): Condition | undefined => findCondition(status.conditions, 'Qualified');

/** Looks in vain every six hours until `at`. */
async function awayUntil(at: number): Promise<void> {
  while (clock.now() < at) {
    await clock.advance(Math.min(6 * HOUR, at - clock.now()));
    away();
  }
}

describe('Qualified of a host that cannot be looked at any more', () => {
  it('stays as the last preflight left it, is Stale after 7 days and Expired after 30', async () => {
    const start = clock.now();
    preflight('Qualified');
    const passed = { status: 'True', reason: 'AllChecksPassed', lastTransitionTime: toTime(start) };
    expect(qualified()).toMatchObject(passed);
    await awayUntil(start + 7 * DAY);
    expect(qualified()).toMatchObject(passed);
    await awayUntil(start + 7 * DAY + 1000);
    expect(qualified()).toMatchObject({ ...passed, reason: 'Stale' });
    expect(qualified()?.message).toBe(
      `the last preflight ran at ${toTime(start)}, more than 7d ago; make the host reachable`,
    );
    await awayUntil(start + 30 * DAY);
    expect(qualified()).toMatchObject({ ...passed, reason: 'Stale' });
    await awayUntil(start + 30 * DAY + 1000);
    // could not look = Unknown: only now does a waiter for True, or for False, learn anything else
    expect(qualified()).toMatchObject({
      status: 'Unknown',
      reason: 'Expired',
      lastTransitionTime: toTime(clock.now()),
    });
    expect(qualified()?.message).toContain('more than 30d ago');
    expect(status.qualification).toMatchObject({ result: 'Qualified', lastCheckTime: toTime(start) });
  });

  it('moves the status at these two times only', async () => {
    const start = clock.now();
    preflight('Qualified');
    away();
    let [written, before] = [0, status];
    for (let hours = 6; hours <= 40 * 24; hours += 6) {
      await awayUntil(start + hours * HOUR + 1000);
      if (JSON.stringify(status) !== JSON.stringify(before)) written += 1;
      before = status;
    }
    expect(written).toBe(2);
  });

  it.each(['NeedsSetup', 'Unqualified'] as const)('never becomes True by age when it was %s', async (result) => {
    const start = clock.now();
    preflight(result);
    const failed = qualified();
    expect(failed?.status).toBe('False');
    await awayUntil(start + 20 * DAY);
    expect(qualified()).toEqual(failed);
    await awayUntil(start + 31 * DAY);
    expect(qualified()).toMatchObject({ status: 'Unknown', reason: 'Expired' });
  });

  it.each([8, 31])('is judged anew when the host comes back after %i days', async (days) => {
    const start = clock.now();
    preflight('Qualified');
    await awayUntil(start + days * DAY);
    preflight('Qualified');
    expect(qualified()).toMatchObject({ status: 'True', reason: 'AllChecksPassed' });
    expect(qualified()?.lastTransitionTime).toBe(toTime(days > 30 ? clock.now() : start));
    expect(status.qualification?.lastCheckTime).toBe(toTime(clock.now()));
  });

  it('is Unknown as long as no preflight ever ran, however long that is', async () => {
    away();
    await awayUntil(clock.now() + 40 * DAY);
    expect(qualified()).toMatchObject({ status: 'Unknown', reason: 'NeverChecked' });
  });

  it('keeps to --requalify-after', async () => {
    preflight('Qualified');
    await clock.advance(2 * HOUR);
    run({ requalifyAfterMs: HOUR });
    expect(qualified()).toMatchObject({ status: 'True', reason: 'Stale' });
    expect(qualified()?.message).toContain('more than 1h ago');
  });
});

describe('what a check says', () => {
  const said = (): string | undefined => status.qualification?.checks?.[0]?.message;

  it('is written when it says something else, and not for figures alone', () => {
    preflight('Qualified', '12 GB are free on /.');
    const first = status;
    preflight('Qualified', '11 GB are free on /.');
    expect(status).toBe(first);
    preflight('Qualified', '11 GB are free on /var.');
    expect(said()).toBe('11 GB are free on /var.');
  });

  it('is as new as anything else that is written', () => {
    preflight('Qualified', '12 GB are free on /.');
    away();
    preflight('Qualified', '11 GB are free on /.');
    expect(said()).toBe('11 GB are free on /.');
  });
});
