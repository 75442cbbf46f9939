import { spawnSync } from 'node:child_process';
import { REPOSITORY } from '../hosts/paths.ts';
import type { Home } from '../support/controlPlane.ts';
import { askedHome } from '../support/home.ts';
import { kubeObstacle } from '../support/kubeBinaries.ts';

const homes: readonly Home[] = ['standalone', 'operator'];

/**
 * The home of a part of the fault tests: one half of them runs in each, and after about every second commit it is the
 * other half. The same commit always makes the same choice; $HOSTLER_TEST_HOME makes another. Says what it chose.
 * @param turn  Parts with an even one are one half.
 */
export async function faultHome(part: string, turn: number): Promise<Home> {
  const home = askedHome() ?? (await possible(homes[(turn + parityOfCommit()) % 2]!));
  console.log(`${part}: the control plane is ${home}; HOSTLER_TEST_HOME=${home} repeats that`);
  return home;
}

async function possible(home: Home): Promise<Home> {
  const obstacle = home === 'operator' ? (process.env['HOSTLER_SKIP_KUBERNETES'] ?? (await kubeObstacle())) : undefined;
  if (obstacle === undefined) return home;
  console.log(`No fault test runs in the operator home: ${obstacle}`);
  return 'standalone';
}

/** 0 outside of a clone. */
function parityOfCommit(): number {
  const { status, stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: REPOSITORY, encoding: 'utf8' });
  return status === 0 ? parseInt(stdout.trim().slice(-1), 16) % 2 : 0;
}
