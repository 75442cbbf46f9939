import { isRecord, parseObject } from '../../../lib/jsonObject.ts';

/** What `GET /info` of a running engine says, as far as it decides anything. */
export interface EngineInfo {
  /** `28.5.2`, `20.10.24+dfsg1`. */
  version: string;
  containersRunning: number;
  liveRestore: boolean;
  /** Member of a swarm, which excludes live-restore. */
  swarm: boolean;
  /** Values of daemon.json that the daemon reports back, under their names there. */
  effective: Readonly<Record<string, unknown>>;
}

/** Keys of daemon.json whose effect shows in `/info`, with the member they show in. */
const REPORTED = {
  'live-restore': 'LiveRestoreEnabled',
  debug: 'Debug',
  'log-driver': 'LoggingDriver',
  labels: 'Labels',
} as const;

/** A value of daemon.json as it can be compared: the daemon keeps labels as a map, so it reports them in any order. */
export function comparable(key: string, value: unknown): unknown {
  return key === 'labels' && Array.isArray(value) ? [...new Set(value.map(String))].sort() : value;
}

/** Reads the daemon's answer; undefined when it is none (an error page, half an answer). */
export function parseInfo(text: string): EngineInfo | undefined {
  const info = parseObject(text);
  const version = info?.['ServerVersion'];
  if (info === undefined || typeof version !== 'string' || version === '') return undefined;
  const running = info['ContainersRunning'];
  const swarm = info['Swarm'];
  return {
    version: version.slice(0, 64),
    containersRunning: typeof running === 'number' && Number.isInteger(running) && running >= 0 ? running : 0,
    liveRestore: info['LiveRestoreEnabled'] === true,
    swarm: isRecord(swarm) && swarm['LocalNodeState'] !== 'inactive' && swarm['LocalNodeState'] !== '',
    effective: Object.fromEntries(
      Object.entries(REPORTED).flatMap(([key, member]) => (info[member] === undefined ? [] : [[key, info[member]]])),
    ),
  };
}
