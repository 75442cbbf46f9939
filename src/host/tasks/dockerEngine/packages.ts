import { isAbove } from '../../../lib/versionRange.ts';
import type { Disruption } from '../../../api/serverSpec.ts';
import type { HostFacts } from '../../facts.ts';
import type { Change, Difference, Obstacle } from '../../task.ts';
import { refusedDowngrade } from './downgrade.ts';
import type { DockerHave } from './facts.ts';
import {
  installedEngine,
  isInstalled,
  isWanted,
  wantedFlavour,
  type Flavour,
  type InstalledEngine,
} from './flavour.ts';
import { isNewer, rangeText, resolveVersion, whyVersion } from './offers.ts';
import type { DockerWant } from './want.ts';

/** What a restart of the daemon does on this host. */
export interface Cost {
  disruption: Disruption;
  expectedGapSeconds: number;
}

/** What the versions of the packages ask for. `engine`: the change installs or replaces the engine. */
export interface PackagePlan extends Difference {
  engine: boolean;
}

/** Nothing runs that could be disturbed. */
const FREE: Cost = { disruption: 'None', expectedGapSeconds: 0 };
export const NOTHING: PackagePlan = { changes: [], obstacles: [], engine: false };

/**
 * Compares the installed engine with the declared version. What is there and satisfies it is adopted, also when newer
 * ones are offered.
 * @param restart  What the host pays when the engine is replaced.
 * @param repositoryComes  True when the plan brings a repository first, so that offers cannot be known yet.
 */
export function diffPackages(
  want: DockerWant,
  have: DockerHave,
  host: HostFacts,
  { restart, repositoryComes }: { restart: Cost; repositoryComes: boolean },
): PackagePlan {
  const engine = installedEngine(have);
  if (engine === undefined) {
    if (have.info !== undefined && isWanted(have.info.version, want)) return NOTHING; // no package, but it runs
    return withManager(host, () => install(want, have, repositoryComes));
  }
  if (!engine.complete) return withManager(host, () => repair(want, have, engine, restart));
  if (!isWanted(engine.version, want))
    return withManager(host, () => upgrade(want, have, engine, { restart, repositoryComes }));
  return client(want, have, engine);
}

function withManager(host: HostFacts, plan: () => PackagePlan): PackagePlan {
  if (host.packageManager === 'apt') return plan();
  return blocked(
    'PackageManagerUnsupported',
    `Hostler installs Docker with apt; this host has ${host.packageManager === 'none' ? 'no package manager it knows' : host.packageManager}. Install the declared version by hand; it is then adopted.`,
  );
}

function install(want: DockerWant, have: DockerHave, repositoryComes: boolean): PackagePlan {
  const flavour = wantedFlavour(want);
  return move(want, have, { flavour, repositoryComes }, (version) => ({
    what: `install ${flavour.engine} ${version ?? rangeText(want)}${want.hold ? ', hold it' : ''} and start it`,
    reason: 'NotInstalled',
    cost: FREE,
  }));
}

function upgrade(
  want: DockerWant,
  have: DockerHave,
  engine: InstalledEngine,
  { restart, repositoryComes }: { restart: Cost; repositoryComes: boolean },
): PackagePlan {
  const above = want.range !== undefined && isAbove(engine.version, want.range);
  if (above && !want.downgrade) return blocked('DowngradeRefused', refusedDowngrade(want, engine));
  return move(want, have, { flavour: engine.flavour, repositoryComes }, (version) => {
    const down = version === undefined ? above : !isNewer(version, have);
    return {
      what: `${down ? 'downgrade' : 'upgrade'} ${engine.flavour.engine} from ${engine.version} to ${version ?? rangeText(want)}`,
      from: engine.version,
      ...(down ? { downgradeFrom: engine.version } : {}),
      reason: 'VersionMismatch',
      cost: restart,
    };
  });
}

/** Brings the engine to the version that the declared one resolves to. */
function move(
  want: DockerWant,
  have: DockerHave,
  { flavour, repositoryComes }: { flavour: Flavour; repositoryComes: boolean },
  describe: (version: string | undefined) => Omit<PackageChangeInput, 'flavour' | 'version' | 'to'>,
): PackagePlan {
  const { version, before, obstacle } = resolveVersion(want, have, flavour, repositoryComes);
  const stop = obstacle ?? heldElsewhere(have, flavour, version);
  if (stop !== undefined) return { changes: before, obstacles: [stop], engine: false };
  const input = { flavour, version, to: version ?? rangeText(want), ...describe(version) };
  return { changes: [...before, packageChange(want, have, input)], obstacles: [], engine: true };
}

/** dpkg was cut off in the middle of the engine: the same version once more, which restarts what still runs. */
function repair(want: DockerWant, have: DockerHave, { flavour, version }: InstalledEngine, cost: Cost): PackagePlan {
  const change = packageChange(want, have, {
    flavour,
    version,
    what: `finish the interrupted installation of ${flavour.engine} ${version}`,
    from: `${version}, half-installed`,
    to: version,
    reason: 'NotInstalled',
    cost,
  });
  return { changes: [change], obstacles: [], engine: true };
}

/** The client is a package of its own in newer releases and may have been removed alone. */
function client(want: DockerWant, have: DockerHave, { flavour, version }: InstalledEngine): PackagePlan {
  const { engine, client: name } = flavour;
  const offered = have.offers?.get(name)?.versions.includes(version) ?? false;
  if (isInstalled(have, name) || !offered) return NOTHING;
  const change: Change = {
    name: 'docker-engine/client',
    area: 'Docker',
    what: `install ${name} ${version}`,
    to: version,
    why: whyVersion(want),
    reason: 'NotInstalled',
    ...FREE,
    params: { engine: `${engine}=${version}`, packages: [`${name}=${version}`], hold: want.hold ? [name] : [] },
  };
  return { changes: [change], obstacles: [], engine: false };
}

/** A hold that Hostler did not set is somebody's decision: explained, never lifted. */
function heldElsewhere(have: DockerHave, flavour: Flavour, version: string | undefined): Obstacle | undefined {
  const name = [flavour.engine, flavour.client].find((candidate) => isForeignHold(have, candidate));
  if (name === undefined) return undefined;
  const found = have.packages.get(name)?.version;
  return {
    area: 'Docker',
    reason: 'PackageHeld',
    message: `somebody else put ${name}${found ? ` ${found}` : ''} on hold (apt-mark hold), so Hostler does not move it to ${version ?? 'another version'}. Declare the version that is there, or run on the host: apt-mark unhold ${name}.`,
    terminal: false,
  };
}

function isForeignHold(have: DockerHave, name: string): boolean {
  return have.packages.get(name)?.held === true && !have.ownHolds.includes(name);
}

function blocked(reason: Obstacle['reason'], message: string): PackagePlan {
  return { changes: [], obstacles: [{ area: 'Docker', reason, message, terminal: true }], engine: false };
}

interface PackageChangeInput {
  flavour: Flavour;
  version: string | undefined;
  what: string;
  from?: string;
  /** The newer version that is gone back from. */
  downgradeFrom?: string;
  to: string;
  reason: NonNullable<Change['reason']>;
  cost: Cost;
}

function packageChange(want: DockerWant, have: DockerHave, input: PackageChangeInput): Change {
  const { flavour, version, cost } = input;
  const exact = [flavour.engine, ...(hasClient(have, flavour, version) ? [flavour.client] : [])];
  const plugins = flavour.plugins.filter(
    (name) => have.offers?.get(name)?.candidate !== undefined && !isInstalled(have, name),
  );
  const runtime = runtimeOf(have, input);
  return {
    name: 'docker-engine/package',
    area: 'Docker',
    what: input.what,
    ...(input.from === undefined ? {} : { from: input.from }),
    to: input.to,
    why: whyVersion(want),
    reason: input.reason,
    ...cost,
    params: {
      packages: version === undefined ? [] : [...exact.map((name) => `${name}=${version}`), ...runtime, ...plugins],
      hold: want.hold ? [...exact, ...runtime] : [],
      ...(input.downgradeFrom === undefined ? {} : { downgradeFrom: input.downgradeFrom }),
    },
  };
}

/**
 * What comes along without a version of its own. A downgrade moves nothing that need not move, nor does an installation:
 * what is there without an engine serves somebody else.
 */
function runtimeOf(have: DockerHave, { flavour, downgradeFrom }: PackageChangeInput): string[] {
  const { runtime } = flavour;
  if (runtime === undefined || isForeignHold(have, runtime)) return [];
  const moves = downgradeFrom === undefined && installedEngine(have) !== undefined;
  return moves || !isInstalled(have, runtime) ? [runtime] : [];
}

/** The client is a package of its own here. */
function hasClient(have: DockerHave, { client: name }: Flavour, version: string | undefined): boolean {
  if (isInstalled(have, name)) return true;
  return version !== undefined && have.offers?.get(name)?.versions.includes(version) === true;
}
