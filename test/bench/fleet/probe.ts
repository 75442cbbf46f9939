import { Agent, get } from 'node:https';
import type { ControlPlane } from './controlPlane.ts';
import type { SimulatedFleet } from './simulatedFleet.ts';

/** Verbs of apiserver_request_total that write. */
const WRITES = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** Running totals of a control plane and its far end at one moment. */
export interface Totals {
  at: number;
  /** Of the process with the controllers. */
  cpuSeconds: number;
  /** Of the API server, which may be the same. */
  apiCpuSeconds: number;
  logins: number;
  looks: number;
  /** By resource, such as `servers/status`. */
  writes: Map<string, number>;
  /** Delay of the controllers' event loop since the totals before; milliseconds. */
  loop: { p99: number; max: number };
}

/** What happened between two totals. */
export interface Rates {
  seconds: number;
  cpuShare: number;
  apiCpuShare: number;
  loginsPerSecond: number;
  looksPerSecond: number;
  writes: Map<string, number>;
  loop: Totals['loop'];
}

/** Reads figures of a running control plane from outside. */
export class Probe {
  readonly #plane: ControlPlane;
  readonly #fleet: SimulatedFleet;
  readonly #agent: Agent;

  private constructor(plane: ControlPlane, fleet: SimulatedFleet, agent: Agent) {
    this.#plane = plane;
    this.#fleet = fleet;
    this.#agent = agent;
  }

  static async open(plane: ControlPlane, fleet: SimulatedFleet): Promise<Probe> {
    const { tls } = await plane.connection.credentials();
    return new Probe(plane, fleet, new Agent({ ...tls, keepAlive: true }));
  }

  async totals(): Promise<Totals> {
    const { controllers, api, metricsOfControllers } = this.#plane;
    const [cpuSeconds, apiCpuSeconds] = [await controllers.cpuSeconds(), await api.cpuSeconds()];
    const { logins, looks } = await this.#fleet.report();
    const writes = writesIn(await this.#metricsOfApi());
    const loop = loopIn(await (await fetch(metricsOfControllers)).text());
    return { at: performance.now(), cpuSeconds, apiCpuSeconds, logins, looks, writes, loop };
  }

  close(): void {
    this.#agent.destroy();
  }

  #metricsOfApi(): Promise<string> {
    const { server } = this.#plane.connection;
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
    apiCpuShare: (after.apiCpuSeconds - before.apiCpuSeconds) / seconds,
    loginsPerSecond: (after.logins - before.logins) / seconds,
    looksPerSecond: (after.looks - before.looks) / seconds,
    writes: new Map(writes.filter(([, count]) => count > 0)),
    loop: after.loop,
  };
}

export function sumOf(writes: ReadonlyMap<string, number>): number {
  return [...writes.values()].reduce((sum, one) => sum + one, 0);
}

export function describe({
  seconds,
  cpuShare,
  apiCpuShare,
  loginsPerSecond,
  looksPerSecond,
  writes,
  loop,
}: Rates): string {
  const list = [...writes].map(([name, count]) => `${name} ${count}`).join(', ');
  return (
    `${seconds.toFixed(0)} s: ${(100 * cpuShare).toFixed(0)} % of a core (API server ${(100 * apiCpuShare).toFixed(0)} %), ${looksPerSecond.toFixed(1)} looks/s, ` +
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
