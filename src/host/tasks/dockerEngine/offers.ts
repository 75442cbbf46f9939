import { compareDebianVersions, newestMatching } from '../../../lib/versionRange.ts';
import type { Change, Obstacle } from '../../task.ts';
import type { DockerHave } from './facts.ts';
import { installedEngine, isWanted, type Flavour } from './flavour.ts';
import type { DockerWant } from './want.ts';

const MAX_NAMED_VERSIONS = 8;

/** What the declared version means on this host. Neither `version` nor `obstacle`: known only after `before`. */
export interface Resolution {
  version?: string;
  /** To be done first, so that the host knows what is offered. */
  before: Change[];
  obstacle?: Obstacle;
}

/**
 * Resolves the declared version against what the host's repositories offer: apt's own candidate when it satisfies (it
 * knows the administrator's pins), else the newest that does.
 */
export function resolveVersion(
  want: DockerWant,
  have: DockerHave,
  flavour: Flavour,
  repositoryComes: boolean,
): Resolution {
  if (have.offers === undefined) return { before: [], obstacle: notRead() };
  const offer = have.offers.get(flavour.engine);
  const version = chooseVersion(want, have, flavour);
  if (version !== undefined && (want.downgrade || isNewer(version, have))) return { version, before: [] };
  if (repositoryComes) return { before: [] };
  // an obstacle only when the lists are new: one that goes away by looking would stop the look
  if (want.bundle === undefined && !have.listsFresh) return { before: [refreshChange(want, flavour)] };
  return { before: [], obstacle: notAvailable(want, flavour, offer?.versions ?? []) };
}

/** The version that an installation or upgrade would go to; undefined when none that is offered satisfies. */
export function chooseVersion(want: DockerWant, have: DockerHave, { engine }: Flavour): string | undefined {
  const offer = have.offers?.get(engine);
  if (offer?.candidate !== undefined && isWanted(offer.candidate, want)) return offer.candidate;
  return newestMatching(offer?.versions ?? [], want.range);
}

/** True when `version` is newer than the installed engine, or none is. */
export function isNewer(version: string, have: DockerHave): boolean {
  const engine = installedEngine(have);
  return engine === undefined || compareDebianVersions(version, engine.version) > 0;
}

function notRead(): Obstacle {
  const message = 'what the package repositories offer could not be read.';
  return { area: 'Docker', reason: 'NotObserved', message, terminal: false };
}

function notAvailable(want: DockerWant, { engine }: Flavour, versions: readonly string[]): Obstacle {
  const offered = [...versions].sort((a, b) => compareDebianVersions(b, a));
  const named = offered.slice(0, MAX_NAMED_VERSIONS).join(', ') || 'none';
  const older = offered.length > MAX_NAMED_VERSIONS ? ' and older' : '';
  const remedy =
    offered.length === 0
      ? want.bundle === undefined
        ? 'Add a repository that has it'
        : 'Add its packages to the bundle'
      : 'Declare one of these';
  const place = want.bundle === undefined ? "the host's repositories offer" : 'the ArtifactBundle offers this host';
  const elsewhere =
    want.source === 'Distro' ? ", or set spec.docker.source.type to DockerCE for Docker's own repository" : '';
  return {
    area: 'Docker',
    reason: 'VersionNotAvailable',
    message: `spec.docker.version is ${rangeText(want)}; ${place} of ${engine}: ${named}${older}. ${remedy}${elsewhere}.`,
    terminal: true,
  };
}

function refreshChange(want: DockerWant, flavour: Flavour): Change {
  return {
    name: 'docker-engine/package-lists',
    area: 'Docker',
    what: 'fetch the package lists',
    why: `${whyVersion(want)}, and the lists on the host know no ${flavour.engine} that satisfies it`,
    disruption: 'None',
    expectedGapSeconds: 0,
    params: { package: flavour.engine },
    observeAfter: true,
  };
}

/** The field behind a change of version. */
export function whyVersion(want: DockerWant): string {
  return want.range === undefined ? 'spec.docker is declared' : `spec.docker.version is ${want.range.text}`;
}

/** The declared version for people. */
export function rangeText(want: DockerWant): string {
  return want.range?.text ?? 'any version';
}
