import { afterAll, beforeAll, describe, it } from 'vitest';
import { Fleet } from '../hosts/fleet.ts';
import { FaultRun } from './faultRun.ts';
import { describeSchedule, makeSchedule } from './schedule.ts';

/** A change is judged by the same schedule as the one before it; "random" goes looking for trouble. */
const asked = process.env['HOSTLER_FAULT_SEED'] ?? '23';
const first = asked === 'random' ? Date.now() % 1_000_000 : Number(asked);
const runs = Number(process.env['HOSTLER_FAULT_RUNS'] ?? 1);
const seeds = Array.from({ length: runs }, (_, index) => first + index);

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.create();
});
afterAll(() => fleet.down());

describe('provisioning while things go wrong at random', () => {
  it.concurrent.each(seeds)('comes to a good end with seed %i', async (seed) => {
    const schedule = makeSchedule(seed);
    console.log(describeSchedule(schedule));
    const run = await FaultRun.prepare(fleet, schedule);
    try {
      await run.suffer();
      await run.expectGoodEnd();
    } catch (error) {
      throw new Error(`${describeSchedule(schedule)}\nThe logs are in ${await run.keepLogs()}.`, { cause: error });
    } finally {
      await run.end();
    }
  });
});
