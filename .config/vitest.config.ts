import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** A file system in memory, where there is one. */
const MEMORY = '/dev/shm';
/** Short files of e2e that together come by every controller. */
const inBothHomes = ['server', 'maintenance', 'jumpHosts', 'invariants'];
const root = fileURLToPath(new URL('..', import.meta.url));

// unit: pure, milliseconds. integration: real sshd, kubectl. conformance: beside a real kube-apiserver. e2e: whole hosts.
// operator: some of these in the other home. faults: whole hosts while things go wrong, also at random.
export default defineConfig({
  root,
  test: {
    projects: [
      {
        root,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/contract/**/*.test.ts'],
          testTimeout: 20_000,
          // stores are opened by the hundred: in memory no test waits for a disk (crash tests are integration tests)
          env: existsSync(MEMORY) ? { TMPDIR: MEMORY } : {},
          // the contract of the store waits for timers most of its time: others run meanwhile
          maxWorkers: Math.max(4, availableParallelism()),
          // no unit test replaces modules, timers or globals; loading them anew for every file took most of the time
          isolate: false,
        },
      },
      {
        root,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          setupFiles: ['test/support/invariantsAfterEach.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // real processes on a loaded machine: a race in a test must not hide in a red run, nor a real failure in a green one
          retry: 1,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        root,
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          // one kube-apiserver and one `hostler serve` for all of them
          globalSetup: ['test/conformance/harness/setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          retry: 1,
          maxWorkers: 2,
          isolate: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        root,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          setupFiles: ['test/support/invariantsAfterEach.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          retry: 1,
          // hosts wait for reboots and timers most of their time; every file has hosts, networks and ports of its own
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
        },
      },
      {
        root,
        test: {
          name: 'operator',
          include: inBothHomes.map((name) => `test/e2e/${name}.test.ts`),
          setupFiles: ['test/support/invariantsAfterEach.ts'],
          env: { HOSTLER_TEST_HOME: 'operator' },
          testTimeout: 300_000,
          hookTimeout: 600_000,
          retry: 1,
          maxWorkers: 2,
          sequence: { groupOrder: 4 },
        },
      },
      {
        root,
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          maxConcurrency: 3,
          // another try would be another schedule of the same faults: what failed once is to be looked at
          fileParallelism: false,
          sequence: { groupOrder: 5 },
        },
      },
    ],
  },
});
