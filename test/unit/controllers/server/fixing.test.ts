import { describe, expect, it } from 'vitest';
import type { Condition } from '../../../../src/api/conditions.ts';
import type { ServerOperation } from '../../../../src/api/serverOperation.ts';
import { restore } from '../../../../src/controllers/server/machine.ts';
import { concludeOperations, underWay } from '../../../../src/controllers/server/operations.ts';
import type { Scope } from '../../../../src/controllers/server/scope.ts';
import type { Check } from '../../../../src/host/preflight.ts';
import type { Change } from '../../../../src/host/task.ts';
import { TransientError, WaitingError } from '../../../../src/lib/errors.ts';
import { FakeSession } from '../../../support/fakeSession.ts';
import { scopeOf, serverWith } from '../../../support/serverScope.ts';

const HOUR = 3600_000;
const START = Date.parse('2026-01-01T00:00:00Z');
const timeAt = (ms: number) => new Date(START + ms).toISOString();
const away = new TransientError('NoRoute', 'There is no way to 203.0.113.10.', { remedy: 'Look at its console.' });

function fix(status: ServerOperation['status'] = { phase: 'Running', startTime: timeAt(0) }): ServerOperation {
  return {
    apiVersion: 'hostler.dev/v1alpha1',
    kind: 'ServerOperation',
    metadata: { namespace: 'acme', name: 'fix', uid: 'uid-fix', generation: 1 },
    spec: { serverRef: { name: 'eu-1' }, type: 'Fix' },
    status,
  };
}

/** A run `ms` after the Fix began. */
function runAt(ms: number, operation = fix()): Scope {
  return scopeOf({ session: new FakeSession({}, {}), now: START + ms, operations: [operation] });
}

/** The host is away, and has been since `sinceMs`. */
function awayAt(ms: number, sinceMs: number, operation?: ServerOperation): Scope {
  const scope = runAt(ms, operation);
  const lost: Pick<Condition, 'type' | 'status'> = { type: 'Reachable', status: 'False' };
  const condition: Condition = { ...lost, reason: 'NoRoute', message: '', lastTransitionTime: timeAt(sinceMs) };
  scope.login = { outcome: 'failed', error: away };
  scope.stored = { ...serverWith(), status: { conditions: [condition] } };
  return scope;
}

/** The host was looked at, and one check fails. */
function brokenAt(ms: number): Scope {
  const scope = runAt(ms);
  const check = { name: 'docker-installed', severity: 'Required', result: 'Fail', fixable: true } as unknown as Check;
  scope.preflight = { checks: [check], result: 'NeedsSetup', passed: 0, failed: 1, warnings: 0 };
  scope.runnable = [{ name: 'docker-engine/package', area: 'Docker' } as Change];
  return scope;
}

const endOf = (scope: Scope) => concludeOperations(scope)[0]?.ending;

describe('a Fix', () => {
  it('has not begun while the host was away from the start, so that its deadline ends it', () => {
    expect(underWay(awayAt(0, -HOUR, fix({ phase: 'Pending' })))).toEqual([]);
    expect(underWay(brokenAt(0))).toHaveLength(1);
  });

  it('ends once its host has been away for an hour, and says what that is', () => {
    expect(endOf(awayAt(2 * HOUR, HOUR + 1)), 'it worked until then').toBeUndefined();
    expect(endOf(awayAt(HOUR - 1, -HOUR)), 'it had begun after that').toBeUndefined();
    const ending = endOf(awayAt(2 * HOUR, HOUR));
    expect(ending).toMatchObject({ phase: 'Failed', reason: 'NoRoute' });
    expect(ending?.message).toMatch(/60 minutes.*Look at its console.*create another one/);
  });

  it('ends once what it waits for has not come for an hour', () => {
    const waits = (ms: number) => {
      const scope = brokenAt(ms);
      scope.failure = new WaitingError('PackageManagerBusy', 'apt-get works.', { afterMs: 1000 });
      return endOf(scope);
    };
    expect(waits(HOUR - 1)).toBeUndefined();
    expect(waits(HOUR)).toMatchObject({ phase: 'Failed', reason: 'PackageManagerBusy' });
  });

  it('ends on a Server that has given up, where nothing is changed before Retry', () => {
    expect(endOf(brokenAt(0))).toBeUndefined();
    const scope = brokenAt(0);
    scope.snapshot = restore({ schema: 1, lifecycle: 'Error', maintenance: 'UpToDate', attempts: 5 });
    expect(endOf(scope)).toMatchObject({ phase: 'Failed', reason: 'OutOfAttempts' });
    expect(endOf(scope)?.message).toContain('hostler server retry eu-1 -n acme');
  });
});
