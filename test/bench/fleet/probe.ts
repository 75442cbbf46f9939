import { Agent, get } from 'node:https';
import type { Connection } from '../../../src/kube/connection.ts';
import type { ServerProcess } from '../serverProcess.ts';
import type { SimulatedFleet } from './simulatedFleet.ts';

/** Verbs of apiserver_request_total that write. */
const WRITES = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** Running totals of a control plane and its far end at one moment. */
export interface Totals {
  at: number;
  cpuSeconds: number;
  logins: number;
  looks: number;
  /** By resource, such as `servers/status`. */
  writes: Map<string, number>;
  /** Delay of the event loop since the totals before; milliseconds. */
  loop: { p99: number; max: number };
}

/** What happened between two totals. */
export interface Rates {
  seconds: number;
  cpuShare: number;
  loginsPerSecond: number;
  looksPerSecond: number;
  writes: Map<string, number>;
  loop: Totals['loop'];
}

/** Reads figures of a running control plane from outside. */
export class Probe {
  readonly #process: ServerProcess;
  readonly #fleet: SimulatedFleet;
  readonly #agent: Agent;

  private constructor(process: ServerProcess, fleet: SimulatedFleet, agent: Agent) {
    this.#process = process;
    this.#fleet = fleet;
    this.#agent = agent;
  }

  static async open(process: ServerProcess, fleet: SimulatedFleet): Promise<Probe> {
    const { tls } = await process.connection.credentials();
    return new Probe(process, fleet, new Agent({ ...tls, keepAlive: true }));
  }

  async totals(): Promise<Totals> {
    const [cpuSeconds, { logins, looks }, metrics] = [
      await this.#process.cpuSeconds(),
      await this.#fleet.report(),
      await this.#metrics(),
    ];
    return { at: performance.now(), cpuSeconds, logins, looks, writes: writesIn(metrics), loop: loopIn(metrics) };
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Those of the API server, which is the same process as the controllers. */
  #metrics(): Promise<string> {
    const { server }: Connection = this.#process.connection;
    return new Promise((resolve, reject) => {
      get(new URL('/metrics', server), { agent: this.#agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks).toString()));
      }).on('error', reject);
    });
  }
}

export function between(before: Totals, after: Totals): Rates {
  const seconds = (after.at - before.at) / 1000;
  const writes = [...after.writes].map(([name, count]): [string, number] => [
    name,
    count - (before.writes.get(name) ?? 0),
  ]);
  return {
    seconds,
    cpuShare: (after.cpuSeconds - before.cpuSeconds) / seconds,
    loginsPerSecond: (after.logins - before.logins) / seconds,
    looksPerSecond: (after.looks - before.looks) / seconds,
    writes: new Map(writes.filter(([, count]) => count > 0)),
    loop: after.loop,
  };
}

export function sumOf(writes: ReadonlyMap<string, number>): number {
  return [...writes.values()].reduce((sum, one) => sum + one, 0);
}

export function describe({ seconds, cpuShare, loginsPerSecond, looksPerSecond, writes, loop }: Rates): string {
  const list = [...writes].map(([name, count]) => `${name} ${count}`).join(', ');
  return (
    `${seconds.toFixed(0)} s: ${(100 * cpuShare).toFixed(0)} % of a core, ${looksPerSecond.toFixed(1)} looks/s, ` +
    `${loginsPerSecond.toFixed(1)} logins/s, writes: ${list === '' ? 'none' : list}; event loop delayed by at most ${loop.max.toFixed(0)} ms`
  );
}

/** node's own histogram, which each scrape begins anew. */
function loopIn(metrics: string): Totals['loop'] {
  const value = (name: string): number => 1000 * Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1]);
  return { p99: value('nodejs_eventloop_lag_p99_seconds'), max: value('nodejs_eventloop_lag_max_seconds') };
}

function writesIn(metrics: string): Map<string, number> {
  const writes = new Map<string, number>();
  for (const [, labels = '', count] of metrics.matchAll(/^apiserver_request_total\{(.*)\} (\d+)$/gm)) {
    const label = (name: string): string => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
    if (!WRITES.has(label('verb'))) continue;
    const name = [label('resource'), label('subresource')].filter((part) => part !== '').join('/');
    writes.set(name, (writes.get(name) ?? 0) + Number(count));
  }
  return writes;
}
