import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Far } from './simulatedHost.ts';

/** What a process of simulated hosts is told at its start. */
export interface Order {
  port: number;
  /** Index of its first host. */
  first: number;
  count: number;
}

/** What it tells when it is asked. */
export interface Report extends Omit<Far, 'transcript' | 'looked'> {
  /** Hosts looked at since the last reset. */
  looked: number;
}

/** Each has a listening socket per host and, at most, a connection per host. */
const HOSTS_PER_PROCESS = 5000;
const SIMULATOR = fileURLToPath(new URL('simulator.ts', import.meta.url));

/** Thousands of simulated hosts on loopback addresses. */
export class SimulatedFleet {
  readonly port: number;
  readonly #processes: ChildProcess[];

  private constructor(port: number, processes: ChildProcess[]) {
    this.port = port;
    this.#processes = processes;
  }

  /** Resolves when every host listens. */
  static async start(count: number, port: number): Promise<SimulatedFleet> {
    const processes: ChildProcess[] = [];
    for (let first = 0; first < count; first += HOSTS_PER_PROCESS) {
      const order: Order = { port, first, count: Math.min(HOSTS_PER_PROCESS, count - first) };
      processes.push(fork(SIMULATOR, [JSON.stringify(order)], { execArgv: ['--import', 'tsx'] }));
    }
    await Promise.all(
      processes.map(async (child) => {
        const [message] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as unknown[];
        if (message !== 'ready') throw new Error('the simulated hosts did not start');
      }),
    );
    return new SimulatedFleet(port, processes);
  }

  /** What happened since the start, and since the last `reset`. */
  async report(options: { reset?: boolean } = {}): Promise<Report> {
    const reports = await Promise.all(
      this.#processes.map(async (child) => {
        child.send(options);
        const [report] = (await once(child, 'message')) as [Report];
        return report;
      }),
    );
    const sum = (of: (report: Report) => number): number => reports.reduce((total, one) => total + of(one), 0);
    return {
      logins: sum((one) => one.logins),
      looks: sum((one) => one.looks),
      changes: sum((one) => one.changes),
      unknown: reports.flatMap((one) => one.unknown),
      overdue: sum((one) => one.overdue),
      open: sum((one) => one.open),
      looked: sum((one) => one.looked),
      firstBytes: reports.flatMap((one) => one.firstBytes),
    };
  }

  stop(): void {
    for (const child of this.#processes) child.disconnect();
  }
}

/** 127.1.0.1 and on. */
export function addressOf(index: number): string {
  return `127.${1 + Math.floor(index / 62_500)}.${Math.floor(index / 250) % 250}.${1 + (index % 250)}`;
}
