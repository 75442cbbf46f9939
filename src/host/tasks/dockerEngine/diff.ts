import { releaseText } from '../../../lib/versionRange.ts';
import type { HostFacts } from '../../facts.ts';
import type { Change, Difference, Obstacle } from '../../task.ts';
import { failedDowngrade } from './downgrade.ts';
import { isSupplied, supply } from './bundle.ts';
import { diffActivation, diffConfig, type ConfigPlan } from './config.ts';
import { isIdle, type DockerHave } from './facts.ts';
import { conflictOf, installedEngine, isInstalled } from './flavour.ts';
import { diffPackages, NOTHING, type Cost, type PackagePlan } from './packages.ts';
import { whyVersion } from './offers.ts';
import { diffRepository } from './repository.ts';
import type { DockerWant } from './want.ts';

/** Seconds that the API is away while the daemon restarts. */
const RESTART_SECONDS = 10;
/** Seconds until containers are back as well. */
const CONTAINERS_SECONDS = 60;
/** Half-installed packages that are named. */
const MAX_NAMED = 5;
const FREE = { disruption: 'None', expectedGapSeconds: 0 } as const;

/**
 * What separates the engine from its spec, in the order in which it is safe to do: repository or bundle, then the keys that a
 * running daemon takes over (live-restore makes what follows harmless), then packages, then what needs a restart.
 */
export function diffEngine(want: DockerWant, have: DockerHave, host: HostFacts): Difference {
  const untouchable = leftAlone(want, have);
  if (untouchable !== undefined) return { changes: [], obstacles: untouchable };
  const repository = diffRepository(want, have, host);
  const config = diffConfig(want, have, (liveRestore) => restartCost(have, liveRestore));
  const restart = restartCost(have, config.liveRestore);
  const repositoryComes = repository.changes.length > 0 || !isSupplied(want, have, host);
  const needed =
    repository.obstacles.length > 0 ? NOTHING : diffPackages(want, have, host, { restart, repositoryComes });
  const { before, packages } = supply(want, have, host, needed);
  const obstacles = [
    ...repository.obstacles,
    ...(config.obstacle === undefined ? [] : [config.obstacle]),
    ...packages.obstacles,
    ...(packages.engine ? [] : serviceObstacles(have)),
  ];
  const finish = packages.engine ? [] : diffUnfinished(have, restart);
  const changes = [...finish, ...repository.changes, ...before, ...ordered(want, have, { config, packages, restart })];
  return { changes: changes.length > 0 && isBetween(have) ? [settleChange(have)] : changes, obstacles };
}

/** Why nothing at all is done to what is there. */
function leftAlone(want: DockerWant, have: DockerHave): Obstacle[] | undefined {
  const conflict = conflictOf(want, have);
  if (conflict !== undefined) return [conflict];
  return isMasked(have) && !isIdle(have) ? serviceObstacles(have) : undefined;
}

/** Whether containers run will be known in a moment: until then nothing can be said of what a change costs. */
function isBetween({ service }: DockerHave): boolean {
  return service.state === 'starting' || service.state === 'stopping';
}

function settleChange({ service: { state } }: DockerHave): Change {
  return {
    name: 'docker-engine/settled',
    area: 'Docker',
    what: `wait until Docker, which is ${state}, has ${state === 'starting' ? 'started' : 'stopped'}`,
    from: state,
    why: 'spec.docker is declared',
    reason: 'NotRunning',
    ...FREE,
    params: {},
    observeAfter: true,
    provisional: true,
  };
}

interface Parts {
  config: ConfigPlan;
  packages: PackagePlan;
  restart: Cost;
}

function ordered(want: DockerWant, have: DockerHave, { config, packages, restart }: Parts): Change[] {
  const present = installedEngine(have) !== undefined || have.info !== undefined;
  // a daemon.json that the daemon would refuse: nothing that starts or restarts it
  if (config.obstacle !== undefined) return diffHold(want, have);
  const engineComes = packages.engine;
  if (!present) return engineComes ? [...list(config.reload), ...packages.changes] : packages.changes;
  return [
    ...list(config.reload),
    ...packages.changes,
    ...list(config.restart),
    ...(engineComes ? [] : [...diffService(have, want, config, restart), ...diffHold(want, have)]),
  ];
}

/** A cut in the middle of other packages than the engine's own, which every change of packages begins with otherwise. */
function diffUnfinished({ unfinished, packages }: DockerHave, restart: Cost): Change[] {
  if (unfinished === undefined) return [];
  const change: Change = {
    name: 'docker-engine/unfinished',
    area: 'Docker',
    what: `finish the interrupted installation of ${unfinished.slice(0, MAX_NAMED).join(', ')}`,
    from: 'half-installed',
    to: 'installed',
    why: 'Hostler was cut off while it installed packages',
    reason: 'PackageManagerBroken',
    ...(unfinished.some((name) => packages.has(name)) ? restart : FREE),
    params: {},
  };
  return [change];
}

function list(change: Change | undefined): Change[] {
  return change === undefined ? [] : [change];
}

/** What a restart of the daemon does to what runs now. */
function restartCost(have: DockerHave, liveRestore: boolean): Cost {
  if (isIdle(have)) return FREE;
  return liveRestore
    ? { disruption: 'RestartService', expectedGapSeconds: RESTART_SECONDS }
    : { disruption: 'RestartContainers', expectedGapSeconds: CONTAINERS_SECONDS };
}

function diffService(have: DockerHave, want: DockerWant, config: ConfigPlan, restart: Cost): Change[] {
  const { service, info } = have;
  if (!mayStart(have)) return [];
  if (service.state !== 'active' || service.startup === 'disabled') return [startChange(have)];
  const engine = installedEngine(have);
  const stale = engine !== undefined && info !== undefined && releaseText(engine.version) !== releaseText(info.version);
  if (config.restart !== undefined) return [];
  if (stale) return [restartChange(want, engine.version, info.version, restart)];
  return config.reload === undefined ? list(diffActivation(want, have, restart)) : [];
}

function mayStart(have: DockerHave): boolean {
  return !isMasked(have) && have.service.state !== 'absent' && failedDowngrade(have) === undefined;
}

/** Nobody may start it: what stops it, as the replacement of its package does, ends it. */
function isMasked({ service }: DockerHave): boolean {
  return service.startup === 'masked';
}

function serviceObstacles(have: DockerHave): Obstacle[] {
  const { service, info, mayAsk } = have;
  const notRunning = (message: string): Obstacle[] => [
    { area: 'Docker', reason: 'NotRunning', message, terminal: false },
  ];
  if (installedEngine(have) === undefined) return [];
  const failed = failedDowngrade(have);
  if (failed !== undefined) return [failed];
  if (isMasked(have)) {
    return notRunning(
      'docker.service is masked: somebody forbade it to start. Allow it on the host: systemctl unmask docker.service.',
    );
  }
  if (service.state === 'absent') {
    return notRunning(
      'the engine is installed, but has no service. Reinstall its package on the host: apt-get install --reinstall.',
    );
  }
  if (service.state === 'active' && info === undefined && mayAsk) {
    return notRunning(
      'the daemon runs, but does not answer on /run/docker.sock within 10 seconds. Its log: journalctl -u docker.',
    );
  }
  return [];
}

function startChange({ service }: DockerHave): Change {
  const runs = service.state === 'active';
  return {
    name: 'docker-engine/service',
    area: 'Docker',
    what: runs ? 'start Docker at boot' : 'start Docker, now and at boot',
    from: `${service.state}, ${service.startup}`,
    to: 'active, enabled',
    why: 'spec.docker is declared',
    ...(runs ? {} : { reason: 'NotRunning' as const }),
    ...FREE,
    params: {},
  };
}

/** The packages were replaced, but the old daemon still runs. */
function restartChange(want: DockerWant, installed: string, running: string, cost: Cost): Change {
  return {
    name: 'docker-engine/restart',
    area: 'Docker',
    what: `restart Docker, so that ${installed} runs`,
    from: running,
    to: installed,
    why: whyVersion(want),
    reason: 'VersionMismatch',
    ...cost,
    params: { activation: 'restart' },
  };
}

function diffHold(want: DockerWant, have: DockerHave): Change[] {
  const engine = installedEngine(have);
  if (engine === undefined || have.packages.get(engine.flavour.engine) === undefined) return [];
  const { engine: name, client, runtime } = engine.flavour;
  const installed = [name, client, ...(runtime === undefined ? [] : [runtime])].filter((each) =>
    isInstalled(have, each),
  );
  const held = (each: string): boolean => have.packages.get(each)?.held === true;
  const missing = want.hold ? installed.filter((each) => !held(each)) : [];
  const superfluous = want.hold ? [] : installed.filter((each) => held(each) && have.ownHolds.includes(each));
  if (missing.length > 0) return [holdChange(want, missing)];
  return superfluous.length > 0 ? [holdChange(want, superfluous)] : [];
}

function holdChange({ hold, holdOrigin }: DockerWant, packages: string[]): Change {
  const verb = hold ? 'hold' : 'unhold';
  return {
    name: 'docker-engine/hold',
    area: 'Docker',
    what: `${verb} ${packages.join(', ')}`,
    why: `spec.docker.hold is ${String(hold)}${holdOrigin}`,
    ...FREE,
    params: { verb, packages },
  };
}
