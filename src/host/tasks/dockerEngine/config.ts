import { createHash } from 'node:crypto';
import { canonicalJson } from '../../../lib/canonicalJson.ts';
import { parseObject } from '../../../lib/jsonObject.ts';
import type { Change, Json, Obstacle } from '../../task.ts';
import { differing, isReloadable, printable, setMembers } from './daemonJson.ts';
import { isIdle, type DockerHave } from './facts.ts';
import { comparable } from './info.ts';
import type { Cost } from './packages.ts';
import type { DockerWant } from './want.ts';

const MAX_FILE_BYTES = 60_000;
/** Digest of a file that is not there. */
const ABSENT = 'absent';

/** How the daemon learns of a new file. `none`: it does not run. */
type Activation = 'none' | 'reload' | 'restart';

/** What daemon.json asks for. */
export interface ConfigPlan {
  /** Keys that a running daemon takes over; all keys while none runs. */
  reload?: Change;
  /** The rest; its script expects the file that `reload` leaves. */
  restart?: Change;
  obstacle?: Obstacle;
  /** live-restore is in force once `reload` is done. */
  liveRestore: boolean;
}

/** A daemon.json, found or planned. */
interface DaemonText {
  text: string;
  digest: string;
  members: Readonly<Record<string, unknown>>;
}

/**
 * Compares the declared keys with the file. Keys that are not declared are foreign: they stay, as they are.
 * A key that left the spec therefore stays in the file too.
 */
export function diffConfig(
  want: DockerWant,
  have: DockerHave,
  restartCost: (liveRestore: boolean) => Cost,
): ConfigPlan {
  const members = membersOf(have.file);
  const obstacle = obstacleOf(want, have, members);
  const liveNow = have.info?.liveRestore ?? false;
  if (members === undefined || obstacle !== undefined) {
    return { liveRestore: liveNow, ...(obstacle === undefined ? {} : { obstacle }) };
  }
  const file = { text: have.file.text, digest: have.file.digest ?? ABSENT, members };
  const wanted = differing(want.daemonConfig, members);
  if (isIdle(have)) {
    return { liveRestore: liveNow, ...(wanted.size === 0 ? {} : { reload: configChange(file, wanted, 'none', FREE) }) };
  }
  const liveRestore = keepsContainers({ ...members, ...want.daemonConfig }, wanted.has('live-restore') || liveNow);
  return { liveRestore, ...staged(file, wanted, restartCost(liveRestore)) };
}

/**
 * Containers outlive a restart when live-restore is in force for the daemon that stops, as a reload sees to it, and
 * stands in the file of the one that starts, which else stops what it finds. Where the file does not say, an option may.
 */
function keepsContainers({ 'live-restore': inFile }: Readonly<Record<string, unknown>>, inForce: boolean): boolean {
  return inForce && inFile !== false;
}

/** Two steps, so that what needs no restart (live-restore above all) is in force before what does. */
function staged(
  file: DaemonText,
  wanted: ReadonlyMap<string, Json>,
  cost: Cost,
): Pick<ConfigPlan, 'reload' | 'restart'> {
  const first = new Map([...wanted].filter(([key]) => isReloadable(key)));
  const second = new Map([...wanted].filter(([key]) => !isReloadable(key)));
  const reload = first.size === 0 ? {} : { reload: configChange(file, first, 'reload', RELOAD) };
  if (second.size === 0) return reload;
  const between = first.size === 0 ? file : written(file, first);
  return { ...reload, restart: configChange(between, second, 'restart', cost) };
}

const FREE: Cost = { disruption: 'None', expectedGapSeconds: 0 };
const RELOAD: Cost = { disruption: 'Reload', expectedGapSeconds: 0 };

function membersOf({ state, text }: DockerHave['file']): Record<string, unknown> | undefined {
  return state === 'absent' || (state === 'present' && text.trim() === '') ? {} : parseObject(text);
}

function written(file: DaemonText, wanted: ReadonlyMap<string, Json>): DaemonText {
  const text = setMembers(file.text, wanted);
  const digest = createHash('sha256').update(text).digest('hex');
  return { text, digest, members: parseObject(text) ?? file.members };
}

const EFFECT = { none: '', reload: ' and reload the daemon', restart: ' and restart the daemon' } as const;

function configChange(file: DaemonText, wanted: ReadonlyMap<string, Json>, activation: Activation, cost: Cost): Change {
  const { text: content, digest } = written(file, wanted);
  const keys = [...wanted.keys()];
  const named = keys.join(', ');
  const show = (members: ReadonlyMap<string, unknown>): string =>
    keys.map((key) => `${key}: ${members.has(key) ? printable(key, members.get(key)) : 'unset'}`).join(', ');
  return {
    name: activation === 'restart' ? 'docker-engine/daemon-config-restart' : 'docker-engine/daemon-config',
    area: 'Docker',
    what: `set ${named} in /etc/docker/daemon.json${EFFECT[activation]}`,
    from: show(new Map(Object.entries(file.members))),
    to: show(wanted),
    why: `spec.docker.daemonConfig has ${named}`,
    ...cost,
    params: { from: file.digest, to: digest, content, activation },
  };
}

function obstacleOf(
  want: DockerWant,
  { file, info }: DockerHave,
  current: Readonly<Record<string, unknown>> | undefined,
): Obstacle | undefined {
  const invalid = (message: string): Obstacle => ({
    area: 'Docker',
    reason: 'ConfigInvalid',
    message,
    terminal: false,
  });
  if (file.state === 'unreadable') {
    if (Object.keys(want.daemonConfig).length === 0) return undefined;
    const message = '/etc/docker/daemon.json cannot be read, so spec.docker.daemonConfig cannot be compared.';
    return { area: 'Docker', reason: 'NotObserved', message, terminal: false };
  }
  if (Buffer.byteLength(file.text) > MAX_FILE_BYTES) {
    return invalid(`/etc/docker/daemon.json is larger than ${MAX_FILE_BYTES} bytes; Hostler does not touch it.`);
  }
  if (current === undefined || file.text.includes('\uFFFD')) {
    return invalid(
      '/etc/docker/daemon.json on the host is no JSON object in UTF-8, so the daemon would not start with it and Hostler does not overwrite it. Correct or remove the file.',
    );
  }
  if (info?.swarm === true && want.daemonConfig['live-restore'] === true) {
    return {
      area: 'Docker',
      reason: 'ConfigRejected',
      message:
        'spec.docker.daemonConfig has live-restore: true, which the daemon refuses while the host is in a swarm. Remove the key, or the host from the swarm.',
      terminal: false,
    };
  }
  return undefined;
}

/**
 * The file is right, but the daemon was not told, or does not act on it: somebody restarted it in between, or a run of
 * ours ended before the reload.
 */
export function diffActivation(want: DockerWant, have: DockerHave, restart: Cost): Change | undefined {
  const stale = staleKeys(want, have);
  if (stale.length === 0 && have.pendingActivation === undefined) return undefined;
  const needsRestart = have.pendingActivation === 'restart' || !stale.every(isReloadable);
  return {
    name: 'docker-engine/daemon-activate',
    area: 'Docker',
    what: `${needsRestart ? 'restart' : 'reload'} the daemon, so that /etc/docker/daemon.json takes effect`,
    why:
      stale.length > 0
        ? `spec.docker.daemonConfig has ${stale.join(', ')}, but the running daemon acts otherwise`
        : 'the file was written, but the daemon was not told',
    ...(needsRestart ? restart : RELOAD),
    params: { activation: needsRestart ? 'restart' : 'reload' },
  };
}

/** Declared keys that the running daemon reports with another value. */
function staleKeys({ daemonConfig }: DockerWant, { info }: DockerHave): string[] {
  if (info === undefined) return [];
  return Object.entries(daemonConfig)
    .filter(
      ([key, value]) =>
        Object.hasOwn(info.effective, key) &&
        canonicalJson(comparable(key, info.effective[key])) !== canonicalJson(comparable(key, value)),
    )
    .map(([key]) => key);
}
