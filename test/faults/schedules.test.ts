import { afterAll, beforeAll, describe, it } from 'vitest';
import { Fleet } from '../hosts/fleet.ts';
import { startAptRepository, type AptRepository } from '../support/aptRepository.ts';
import { serveProxyImages } from '../support/proxyImages.ts';
import { faultHome } from './faultHome.ts';
import { FaultRun } from './faultRun.ts';
import { describeSchedule, makeSchedule } from './schedule.ts';

/** A change is judged by the same schedule as the one before it; "random" goes looking for trouble. */
const asked = process.env['HOSTLER_FAULT_SEED'] ?? '102';
const first = asked === 'random' ? Date.now() % 1_000_000 : Number(asked);
const runs = Number(process.env['HOSTLER_FAULT_RUNS'] ?? 1);
const schedules = Array.from({ length: runs }, (_, index) => makeSchedule(first + index));
const withProxy = schedules.some(({ hosts }) => hosts.some(({ proxy }) => proxy !== undefined));

let fleet: Fleet;
let repository: AptRepository;
let env: Record<string, string>;
let proxyImage = '';
beforeAll(async () => {
  fleet = await Fleet.create();
  repository = await startAptRepository({ bindAddress: fleet.gateway, suite: 'bookworm' });
  env = {
    HOSTLER_DOCKER_CE_URL: repository.url.replace(/\/debian$/, ''),
    HOSTLER_DOCKER_CE_KEY: repository.keyPath,
    HOSTLER_DOCKER_CE_FINGERPRINT: repository.fingerprint,
  };
  if (withProxy) proxyImage = await serveProxyImages(await fleet.up({ name: 'registry', docker: true }));
});
afterAll(async () => {
  await repository.stop();
  await fleet.down();
});

describe('provisioning, an upgrade, another proxy or an operation while things go wrong at random', () => {
  it.concurrent.each(schedules)('comes to a good end with seed $seed', async (schedule) => {
    console.log(describeSchedule(schedule));
    const home = await faultHome(`seed ${schedule.seed}`, schedule.seed + 1);
    const run = await FaultRun.prepare(fleet, schedule, { env, proxyImage, home });
    try {
      await run.suffer();
      await run.expectGoodEnd();
    } catch (error) {
      throw new Error(
        `HOSTLER_TEST_HOME=${home} ${describeSchedule(schedule)}\nThe logs are in ${await run.keepLogs()}.`,
        { cause: error },
      );
    } finally {
      await run.end();
    }
  });
});
