import type { BundleArtifact } from '../../../api/effective.ts';
import type { HostFacts } from '../../facts.ts';
import type { Change, Obstacle } from '../../task.ts';
import type { BundleOnHost, DockerHave } from './facts.ts';
import { NOTHING, type PackagePlan } from './packages.ts';
import type { DockerWant } from './want.ts';

const FREE = { disruption: 'None', expectedGapSeconds: 0 } as const;
/** The archive, and the packages taken out of it. */
const COPIES_ON_HOST = 2;

/** What the plan for the packages needs of a bundle, and what the host need not keep. */
export interface Supply {
  /** Before everything else. */
  before: Change[];
  packages: PackagePlan;
}

/** The declared artifact is on the host, as a repository. True also where no bundle is declared. */
export function isSupplied(want: DockerWant, have: DockerHave, host: HostFacts): boolean {
  if (want.bundle === undefined) return true;
  const found = artifactFor(want, host);
  return 'artifact' in found && have.bundles.some(({ name, ready }) => ready && name === found.artifact.sha256);
}

/**
 * Brings the declared artifact to the host when the packages need it, and takes away what they do not: once they are
 * as declared, nothing of a bundle stays.
 */
export function supply(want: DockerWant, have: DockerHave, host: HostFacts, packages: PackagePlan): Supply {
  const settled = packages.changes.length + packages.obstacles.length === 0;
  if (want.bundle === undefined || settled) return { before: removal(have.bundles), packages };
  const found = artifactFor(want, host);
  if ('obstacle' in found) return stopped([], found.obstacle);
  const { artifact } = found;
  const { sha256 } = artifact;
  const others = have.bundles.filter(({ name }) => name !== sha256 && !name.startsWith(`${sha256}.`));
  const before = removal(others);
  const there = have.bundles.find(({ name, ready, problem }) => name === sha256 && (ready || problem !== undefined));
  if (packages.changes.length === 0) return { before, packages };
  if (there === undefined) {
    if (artifact.problem !== undefined) return stopped(before, { area: 'Docker', ...artifact.problem });
    return { before: [...before, transfer(want, artifact)], packages: from(packages, sha256) };
  }
  const stop = unusable(want, have, artifact, there);
  return stop === undefined ? { before, packages: from(packages, sha256) } : stopped(before, stop);
}

function stopped(before: Change[], obstacle: Obstacle): Supply {
  return { before, packages: { ...NOTHING, obstacles: [obstacle] } };
}

type Found = { artifact: BundleArtifact } | { obstacle: Obstacle };

function artifactFor({ bundle }: DockerWant, { os, architecture }: HostFacts): Found {
  const { artifacts, bundleRef } = bundle ?? {};
  if (artifacts === undefined) return { obstacle: obstacle('NotObserved', 'the ArtifactBundle was not read yet.') };
  if ('problem' in artifacts) return { obstacle: { area: 'Docker', ...artifacts.problem } };
  const kindOf = (one: Pick<BundleArtifact, 'os' | 'architecture'>) =>
    `${one.os.id} ${one.os.versionID} ${one.architecture}`;
  const wanted = [os?.id, os?.versionID, architecture].map((part) => part ?? 'unknown').join(' ');
  const artifact = artifacts.value.find((one) => kindOf(one) === wanted);
  if (artifact !== undefined) return { artifact };
  const there = artifacts.value.map(kindOf).join(', ');
  return {
    obstacle: obstacle(
      'BundleNotForHost',
      `ArtifactBundle ${bundleRef?.name ?? ''} has packages for ${there}; this host is ${wanted}. Add an artifact for it.`,
    ),
  };
}

function obstacle(reason: Obstacle['reason'], message: string): Obstacle {
  const terminal = reason !== 'NotObserved';
  return { area: 'Docker', reason, message: `spec.docker.source.bundle.bundleRef: ${message}`, terminal };
}

/** The same bytes stay unusable; with others the checksum changes, or the host has by then what was missing. */
function unusable(
  want: DockerWant,
  have: DockerHave,
  { name }: BundleArtifact,
  { problem }: BundleOnHost,
): Obstacle | undefined {
  const named = `artifact ${name} of ArtifactBundle ${want.bundle?.bundleRef.name ?? ''}`;
  if (problem !== undefined) {
    return obstacle(
      'BundleInvalid',
      `${named}: ${problem}. Make it anew: a tar archive of *.deb files; state its new checksum and size.`,
    );
  }
  if (have.unmet === undefined || have.unmet.length === 0) return undefined;
  return obstacle(
    'BundleIncomplete',
    `${named} lacks what its packages depend on and the host does not have: ${have.unmet.join('; ')}. Add these packages to the archive and state its new checksum and size, or install them on the host.`,
  );
}

function transfer(want: DockerWant, { name, file, sha256, sizeBytes }: BundleArtifact): Change {
  return {
    name: 'docker-engine/bundle',
    area: 'Docker',
    what: `bring ${Math.ceil(sizeBytes / 1e6)} MB of packages to the host (artifact ${name} of ArtifactBundle ${want.bundle?.bundleRef.name ?? ''})`,
    to: `sha256:${sha256}`,
    why: 'spec.docker.source.type is Bundle',
    ...FREE,
    params: { file, sha256, sizeBytes, neededBytes: COPIES_ON_HOST * sizeBytes },
    observeAfter: true,
  };
}

function removal(bundles: readonly BundleOnHost[]): Change[] {
  if (bundles.length === 0) return [];
  const names = bundles.map(({ name }) => name);
  return [
    {
      name: 'docker-engine/bundle-removal',
      area: 'Docker',
      what: 'remove packages that Hostler brought to the host and that nothing needs any more',
      from: names.join(', '),
      why: 'what spec.docker declares is there without them',
      ...FREE,
      params: { names },
    },
  ];
}

/** Installs from the bundle, and from nothing else. */
function from(plan: PackagePlan, bundle: string): PackagePlan {
  const changes = plan.changes.map((change) => ({ ...change, params: { ...change.params, bundle } }));
  return { ...plan, changes };
}
