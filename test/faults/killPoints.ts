import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RestClient, type RawRequest } from '../../src/kube/restClient.ts';
import { Ssh2Session } from '../../src/ssh/ssh2Session.ts';
import type { Script } from '../../src/ssh/session.ts';
import { KILLS_DIRECTORY, type KillPlan } from './killPlan.ts';

// Loaded into `hostler serve` or `hostler controller` before it: the process kills itself, -9, at the boundaries of what it sends.

/** Moments in the middle of a command: when the host has just begun, and when it is well at work. */
const DURING_MS = { in: 40, 'deep in': 1000 } as const;
/** What users see and what decides about a second run; Leases and Events come and go by the clock. */
const WRITTEN = /\/(servers|knownhosts|serveroperations|secrets)(?:\/[^/]+(\/status)?)?$/;

const directory = process.env[KILLS_DIRECTORY];
if (directory === undefined) throw new Error(`${KILLS_DIRECTORY} is not set`);
const plan = JSON.parse(readFileSync(join(directory, 'plan.json'), 'utf8')) as KillPlan;
const meant = new RegExp(plan.at);
const deaths = join(directory, 'deaths');
const died = new Set(existsSync(deaths) ? readFileSync(deaths, 'utf8').split('\n') : []);
/** What went before tells a command or write from the next of its kind. */
let last = 'start';
let writes = 0;

/** At a point where the process dies it never returns. */
function reach(point: string): void {
  appendFileSync(join(directory ?? '', 'passed'), `${point}\n`);
  if (!meant.test(point) || died.has(point)) return;
  appendFileSync(deaths, `${point}\n`);
  process.kill(process.pid, 'SIGKILL');
}

type Method<A extends unknown[], R> = (...args: A) => Promise<R>;

/** Makes a method reach a point before and after it does its work, and some in between. */
function around<K extends string, A extends unknown[], R>(
  target: Record<K, Method<A, R>>,
  method: K,
  nameOf: (...args: A) => string | undefined,
): void {
  const original = target[method];
  target[method] = async function (this: unknown, ...args: A): Promise<R> {
    const name = nameOf(...args);
    if (name === undefined) return original.apply(this, args);
    reach(`before ${name}`);
    const timers = Object.entries(DURING_MS).map(([when, ms]) => setTimeout(() => reach(`${when} ${name}`), ms));
    try {
      return await original.apply(this, args);
    } finally {
      timers.forEach(clearTimeout);
      reach(`after ${name}`);
    }
  };
}

function command(name: string): string {
  const point = `${name} since ${last}`;
  last = name;
  writes = 0;
  return point;
}

around<'run', [Script], unknown>(Ssh2Session.prototype, 'run', (script) => command(script.name));
around<'open', [], unknown>(Ssh2Session as never, 'open', () => command('probe'));
around<'request', [RawRequest], unknown>(RestClient.prototype, 'request', ({ method, path }) => {
  const [, plural, subresource = ''] = (method !== 'GET' && WRITTEN.exec(path)) || [];
  return plural === undefined ? undefined : `${method} ${plural}${subresource} ${++writes} since ${last}`;
});
