import type { HostFacts } from '../../facts.ts';
import { ownSource, sourceLine, type AptRepository } from '../../providers/apt.ts';
import { dockerCeSource, repositoryFor } from '../../providers/dockerCe.ts';
import { fingerprintOf } from '../../providers/openpgpKey.ts';
import type { Change, Difference, Obstacle } from '../../task.ts';
import type { DockerHave } from './facts.ts';
import { wantedFlavour } from './flavour.ts';
import type { DockerWant, MirrorWant } from './want.ts';

/** Less than one record of an observation holds, so that the key on the host can be compared. */
const MAX_KEY_BYTES = 32 * 1024;
const FREE = { disruption: 'None', expectedGapSeconds: 0 } as const;

type Found = { repository: AptRepository } | { obstacle: Obstacle };

/** Compares Hostler's own entry with the repository that the declared source needs. An entry of others is enough. */
export function diffRepository(want: DockerWant, have: DockerHave, host: HostFacts): Difference {
  if (want.source === 'Distro' || want.source === 'Bundle' || host.packageManager !== 'apt')
    return { changes: [], obstacles: [] };
  const found = want.mirror === undefined ? dockersOwn(host) : mirrored(want.mirror, host);
  if ('obstacle' in found) return { changes: [], obstacles: [found.obstacle] };
  const change = entryChange(want, have, found.repository, host.architecture ?? 'amd64');
  return { changes: change === undefined ? [] : [change], obstacles: [] };
}

function entryChange(
  want: DockerWant,
  have: DockerHave,
  repository: AptRepository,
  architecture: string,
): Change | undefined {
  const { ownEntry, sources } = have;
  const foreign = sources.find(
    ({ path, uri, suites }) => path !== ownSource.list && uri === repository.uri && suites.includes(repository.suite),
  );
  if (foreign !== undefined) return ownEntry === undefined ? undefined : dropOwn(want, foreign.path);
  const line = sourceLine(repository, architecture);
  const isThere = ownEntry?.line === line && ownEntry.key === repository.key.trim();
  return isThere ? undefined : writeOwn(want, have, repository, line);
}

function dockersOwn({ os }: HostFacts): Found {
  const repository = repositoryFor(os, dockerCeSource());
  if (repository !== undefined) return { repository };
  return {
    obstacle: unsupported(
      `Docker has no repository for ${os?.name ?? 'this system'} (Debian, Ubuntu and Raspbian have one). Set spec.docker.source.type to Distro.`,
    ),
  };
}

function mirrored({ url, suite, components, keySecretRef, signingKey }: MirrorWant, { os }: HostFacts): Found {
  if (signingKey === undefined) return { obstacle: keyObstacle('NotObserved', 'the Secret was not read yet.') };
  if ('problem' in signingKey) return { obstacle: { area: 'Docker', ...signingKey.problem } };
  const key = signingKey.value;
  if (Buffer.byteLength(key) > MAX_KEY_BYTES || fingerprintOf(key) === undefined) {
    return {
      obstacle: keyObstacle(
        'SigningKeyInvalid',
        `the key "key" of Secret ${keySecretRef.name} is no ASCII-armored OpenPGP public key of at most 32 KiB. Put the repository's public key there: gpg --armor --export, or what the mirror publishes.`,
      ),
    };
  }
  const named = suite ?? os?.codename;
  if (named === undefined) {
    const message = `${os?.name ?? 'this system'} has no codename. Name the suite in spec.docker.source.mirror.suite.`;
    return { obstacle: unsupported(message) };
  }
  return { repository: { uri: url.replace(/\/+$/, ''), suite: named, components, key } };
}

function keyObstacle(reason: Obstacle['reason'], message: string): Obstacle {
  const terminal = reason !== 'NotObserved';
  return { area: 'Docker', reason, message: `spec.docker.source.mirror.keySecretRef: ${message}`, terminal };
}

function unsupported(message: string): Obstacle {
  return { area: 'Docker', reason: 'Unsupported', message, terminal: true };
}

function writeOwn(want: DockerWant, { ownEntry }: DockerHave, repository: AptRepository, line: string): Change {
  const { uri, suite, components, key } = repository;
  const named = `${uri} ${suite} ${components.join(' ')}`;
  const shown = (text: string, armored: string): string => `${text} (key ${fingerprintOf(armored) ?? 'unreadable'})`;
  return {
    name: 'docker-engine/repository',
    area: 'Docker',
    what: `${ownEntry === undefined ? 'add' : 'change to'} the package repository ${named} with its signing key`,
    ...(ownEntry === undefined ? {} : { from: shown(ownEntry.line, ownEntry.key) }),
    to: shown(line, key),
    why: `spec.docker.source.type is ${want.source}`,
    ...FREE,
    params: { line, key, uri, suite, package: wantedFlavour(want).engine },
    observeAfter: true,
  };
}

/** apt refuses two entries for the same repository with different keys. */
function dropOwn(want: DockerWant, foreign: string): Change {
  return {
    name: 'docker-engine/repository',
    area: 'Docker',
    what: `remove Hostler's entry for the package repository, since ${foreign} has the same`,
    from: ownSource.list,
    why: `spec.docker.source.type is ${want.source}`,
    ...FREE,
    params: { line: '', key: '', uri: '', suite: '', package: '' },
    observeAfter: true,
  };
}
