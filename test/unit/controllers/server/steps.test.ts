import { describe, expect, it } from 'vitest';
import type { Step } from '../../../../src/api/serverStatus.ts';
import { StepLog } from '../../../../src/controllers/server/steps.ts';

const minute = (count: number): string => new Date(Date.UTC(2026, 0, 1, 0, count)).toISOString().replace('.000', '');

/** A log whose clock moves on a minute with each reading. */
function log(): { steps: Step[]; log: StepLog } {
  const steps: Step[] = [];
  let count = 0;
  return { steps, log: new StepLog(steps, () => Date.parse(minute(count++))) };
}

describe('StepLog', () => {
  it('announces what is still to come, in order', () => {
    const { steps, log: it } = log();
    it.announce(['connect', 'detect']);
    expect(steps).toEqual([
      { name: 'connect', state: 'Pending', attempts: 0 },
      { name: 'detect', state: 'Pending', attempts: 0 },
    ]);
  });

  it('counts attempts and tells why the last one failed', () => {
    const { steps, log: it } = log();
    it.start('package', 'install it');
    it.fail('package', 'DiskFull', 'no room');
    expect(steps).toEqual([
      {
        name: 'package',
        state: 'Failed',
        reason: 'DiskFull',
        message: 'no room',
        attempts: 1,
        startTime: minute(0),
        completionTime: minute(1),
      },
    ]);
    it.start('package', 'install it');
    expect(steps).toEqual([
      { name: 'package', state: 'Running', message: 'install it', attempts: 2, startTime: minute(2) },
    ]);
  });

  it('goes on with a step whose job outlived the run: no new attempt, the time of its start stays', () => {
    const { steps, log: it } = log();
    it.start('package', 'install it');
    it.start('package');
    it.succeed('package');
    expect(steps).toEqual([
      {
        name: 'package',
        state: 'Succeeded',
        message: 'install it',
        attempts: 1,
        startTime: minute(0),
        completionTime: minute(1),
      },
    ]);
  });

  it('ends what failed or got lost when the host is found as declared, but no hook', () => {
    const { steps, log: it } = log();
    it.announce(['connect']);
    it.fail('package', 'Interrupted', 'cut off');
    it.start('users');
    it.fail('hook/warm', 'HookFailed', 'exit 1');
    it.foundDone();
    expect(steps.map(({ name, state, reason, message }) => ({ name, state, reason, message }))).toEqual([
      { name: 'connect', state: 'Pending' },
      { name: 'package', state: 'Succeeded', message: 'the host was found as declared' },
      { name: 'users', state: 'Succeeded', message: 'the host was found as declared' },
      { name: 'hook/warm', state: 'Failed', reason: 'HookFailed', message: 'exit 1' },
    ]);
  });
});
