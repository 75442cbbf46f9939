import { releaseText } from '../../../lib/versionRange.ts';
import { explainDocker } from '../../providers/failures.ts';
import type { Component, Task } from '../../task.ts';
import { applyEngine } from './apply.ts';
import { judgeEngine } from './checks.ts';
import { diffEngine } from './diff.ts';
import { engineFragment, type DockerHave } from './facts.ts';
import { installedEngine, wantedFlavour } from './flavour.ts';
import { offersFragment } from './offerFacts.ts';
import { chooseVersion, isNewer } from './offers.ts';
import { dockerWant, type DockerWant } from './want.ts';

/**
 * The Docker engine: its repository, version, hold, service and the declared keys of daemon.json.
 * What is there and satisfies the spec is adopted; other makes of Docker are never removed, engines downgraded only where the spec allows it.
 */
export const dockerEngine: Task<DockerWant, DockerHave> = {
  name: 'docker-engine',
  area: 'Docker',
  facts: [engineFragment, offersFragment],
  want: dockerWant,
  diff: diffEngine,
  apply: applyEngine,
  explain: explainDocker,
  checks: { names: ['docker-installed', 'docker-running'], judge: judgeEngine },
  components: (want, have) => [componentOf(want, have)],
  systemInfo: ({ info }) =>
    info === undefined ? {} : { dockerVersion: info.version, containersRunning: info.containersRunning },
};

function componentOf(want: DockerWant, have: DockerHave): Component {
  const engine = installedEngine(have);
  const current = have.info?.version ?? engine?.version;
  const available = updateFor(want, have);
  return {
    name: 'docker-engine',
    ...(want.range === undefined ? {} : { desired: want.range.text }),
    ...(current === undefined ? {} : { current: short(current) }),
    ...(engine === undefined ? {} : { held: engine.held }),
    ...(available === undefined ? {} : { available: short(available) }),
  };
}

/** The newest version inside the declared range; what would be a downgrade is none. */
function updateFor(want: DockerWant, have: DockerHave): string | undefined {
  const engine = installedEngine(have);
  const chosen = chooseVersion(want, have, engine?.flavour ?? wantedFlavour(want));
  if (chosen === undefined || chosen === engine?.version || isNewer(chosen, have)) return chosen;
  return undefined;
}

function short(version: string): string {
  return releaseText(version) ?? version;
}
