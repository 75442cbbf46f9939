import { releaseText } from '../../../lib/versionRange.ts';
import { DOWNGRADE_REMEDY } from '../../providers/failures.ts';
import type { Obstacle } from '../../task.ts';
import type { DockerHave } from './facts.ts';
import { installedEngine, type InstalledEngine } from './flavour.ts';
import { rangeText } from './offers.ts';
import type { DockerWant } from './want.ts';

/** The spec asks for an older engine than the installed one, but does not say that Hostler may go back. */
export function refusedDowngrade(want: DockerWant, { flavour, version }: InstalledEngine): string {
  return `${flavour.engine} ${version} is installed and spec.docker.version is ${rangeText(want)}: with spec.docker.downgrade: Refuse, the default, Hostler does not go back, since the older engine may not start with what the newer one wrote. Declare a version that includes ${releaseText(version) ?? version}, or set spec.docker.downgrade to Allow.`;
}

/** To start the older daemon once more would fail once more: only the newer engine, or a person on the host, helps. */
export function failedDowngrade(have: DockerHave): Obstacle | undefined {
  const { downgrade, service } = have;
  if (downgrade?.problem === undefined || service.state === 'active') return undefined;
  if (downgrade.to !== installedEngine(have)?.version) return undefined;
  return {
    area: 'Docker',
    reason: 'DowngradeFailed',
    message: `the engine was downgraded from ${downgrade.from} to ${downgrade.to}, which does not start: ${downgrade.problem} ${DOWNGRADE_REMEDY}`,
    terminal: true,
  };
}
