import { releaseText, satisfies } from '../../../lib/versionRange.ts';
import type { Obstacle } from '../../task.ts';
import type { DockerHave, InstalledPackage } from './facts.ts';
import type { DockerWant } from './want.ts';

/** Packages of one make of the engine. */
export interface Flavour {
  /** The package that holds dockerd. */
  engine: string;
  /** The client, where it is a package of its own; same version as the engine. */
  client: string;
  /** What else `hold` keeps in place. */
  runtime?: string;
  /** Wanted beside a new engine where they are offered, never updated. */
  plugins: readonly string[];
}

const DISTRO: Flavour = { engine: 'docker.io', client: 'docker-cli', plugins: [] };
const DOCKER_CE: Flavour = {
  engine: 'docker-ce',
  client: 'docker-ce-cli',
  runtime: 'containerd.io',
  plugins: ['docker-buildx-plugin', 'docker-compose-plugin'],
};
const MOBY: Flavour = { engine: 'moby-engine', client: 'moby-cli', plugins: [] };

/** An engine from a package. */
export interface InstalledEngine extends InstalledPackage {
  flavour: Flavour;
}

/** The flavour that the spec asks for. */
export function wantedFlavour(want: DockerWant): Flavour {
  return want.packages === 'DockerCE' ? DOCKER_CE : DISTRO;
}

/** The engine that a package put on the host; undefined when there is none. */
export function installedEngine(have: DockerHave): InstalledEngine | undefined {
  for (const flavour of [DOCKER_CE, DISTRO, MOBY]) {
    const found = have.packages.get(flavour.engine);
    if (found !== undefined && found.version !== '') return { ...found, flavour };
  }
  return undefined;
}

/** Any version will do, or `version` lies in the declared range. */
export function isWanted(version: string, want: DockerWant): boolean {
  return want.range === undefined ? releaseText(version) !== undefined : satisfies(version, want.range);
}

/**
 * Another make of Docker in the way, with the remedy. Hostler never removes it: what runs in it is not Hostler's.
 * An engine from elsewhere that satisfies `source: Distro`, which is also the default, is adopted.
 */
export function conflictOf(want: DockerWant, have: DockerHave): Obstacle | undefined {
  const message = foreignProduct(have) ?? unpackaged(want, have) ?? otherFlavour(want, have);
  return message === undefined ? undefined : { area: 'Docker', reason: 'DockerConflict', message, terminal: false };
}

function foreignProduct(have: DockerHave): string | undefined {
  if (have.snap) {
    return 'Docker is installed as a snap, which Hostler does not manage. Move what runs in it, then: snap remove docker.';
  }
  if (isInstalled(have, 'podman-docker')) {
    return 'podman-docker answers in the place of Docker. Remove it: apt-get remove podman-docker.';
  }
  if (have.daemonPath !== undefined && installedEngine(have) === undefined && have.info === undefined) {
    return `${have.daemonPath} belongs to no package and does not run. Remove it, or start it to have it adopted.`;
  }
  return undefined;
}

/** An engine that runs: an installation over it would end its containers. */
function unpackaged(want: DockerWant, have: DockerHave): string | undefined {
  const { info } = have;
  if (info === undefined || installedEngine(have) !== undefined || isWanted(info.version, want)) return undefined;
  return `Docker ${info.version} runs, but belongs to no package, and spec.docker.version ${want.range?.text ?? ''} excludes it. Declare a version that includes ${releaseText(info.version) ?? info.version}, or remove this engine (its containers stop).`;
}

function otherFlavour(want: DockerWant, have: DockerHave): string | undefined {
  const engine = installedEngine(have);
  if (engine === undefined) return want.packages === 'DockerCE' ? runtimeInTheWay(have) : undefined;
  if (engine.flavour === wantedFlavour(want)) return undefined;
  const found = `${engine.flavour.engine} ${engine.version} is installed`;
  if (want.source !== 'Distro') {
    return `${found}, but ${demandOf(want)}. Set spec.docker.source.type to Distro to keep this engine, or remove the engine (its containers stop): apt-get remove ${engine.flavour.engine} ${engine.flavour.client}.`;
  }
  if (isWanted(engine.version, want)) return undefined;
  return `${found}, which spec.docker.version ${want.range?.text ?? ''} excludes, and it does not come from the distribution. Set spec.docker.source.type to DockerCE to have it updated from there, or declare a version that includes ${releaseText(engine.version) ?? engine.version}.`;
}

function demandOf({ source, packages }: DockerWant): string {
  if (source === 'Mirror' || source === 'Bundle')
    return `spec.docker.source.${source.toLowerCase()}.packages is ${packages}`;
  return `spec.docker.source.type is ${source}`;
}

function runtimeInTheWay(have: DockerHave): string | undefined {
  const names = ['containerd', 'runc'].filter((name) => isInstalled(have, name));
  if (names.length === 0) return undefined;
  return `${names.join(' and ')} from the distribution ${names.length > 1 ? 'are' : 'is'} installed, which containerd.io of Docker CE would replace. If nothing uses it: apt-get remove ${names.join(' ')}. Else set spec.docker.source.type to Distro.`;
}

/** True when dpkg has files of `name` on the host. */
export function isInstalled(have: DockerHave, name: string): boolean {
  return (have.packages.get(name)?.version ?? '') !== '';
}
