import type { HostFacts } from '../../facts.ts';
import type { Check } from '../../preflight.ts';
import { verdict } from '../checks.ts';
import { diffEngine } from './diff.ts';
import type { DockerHave } from './facts.ts';
import { installedEngine, isWanted } from './flavour.ts';
import { rangeText } from './offers.ts';
import type { DockerWant } from './want.ts';

/** The preflight checks docker-installed and docker-running. Fixable = Hostler has a plan for it. */
export function judgeEngine(want: DockerWant, have: DockerHave, host: HostFacts): Check[] {
  const difference = diffEngine(want, have, host);
  const version = installedEngine(have)?.version ?? have.info?.version;
  const running = have.info !== undefined || (have.service.state === 'active' && !have.mayAsk);
  return [
    verdict('docker-installed', difference, isInstalled(want, have), {
      pass: `Docker ${version ?? ''} is installed.`,
      fail:
        version === undefined
          ? 'Docker is not installed.'
          : `Docker ${version} is installed, but ${rangeText(want)} is declared.`,
    }),
    verdict('docker-running', difference, running, { pass: 'Docker runs.', fail: 'Docker does not run.' }),
  ];
}

function isInstalled(want: DockerWant, have: DockerHave): boolean {
  const engine = installedEngine(have);
  if (engine !== undefined) return engine.complete && isWanted(engine.version, want);
  return have.info !== undefined && isWanted(have.info.version, want);
}
