import { describe, expect, it } from 'vitest';
import { effectiveServer } from '../../../src/api/effective.ts';
import { observe, type Observation } from '../../../src/host/observe.ts';
import type { Task } from '../../../src/host/task.ts';
import { ReconcileError } from '../../../src/lib/errors.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import type { ExecResult, Script, Session } from '../../../src/ssh/session.ts';

const HOUR_MS = 3_600_000;

interface Found {
  fast: string;
  slow: string;
}
const task: Task<true, Found> = {
  name: 'sample',
  area: 'Docker',
  facts: [
    { script: 'fast', parse: (records) => ({ fast: records.text('value') ?? 'none' }) },
    {
      script: 'slow',
      slow: true,
      args: (effective) => effective.docker?.users ?? [],
      parse: (records) => ({ slow: records.text('value') ?? 'none' }),
    },
  ],
  want: (effective) => (effective.docker === undefined ? undefined : true),
  diff: () => ({ changes: [], obstacles: [] }),
  apply: () => ({ kind: 'script', script: { name: 'none', text: ':' }, timeoutSeconds: 1 }),
};

/** Answers as a host would, by the position of each fragment in the text. */
class ScriptedHost implements Session {
  readonly privilege = { kind: 'root' } as const;
  readonly peer = '192.0.2.1:22';
  signature = 'state-1';
  fast = 'f1';
  slow = 's1';
  /** Scripts that came, with whether the slow ones ran. */
  readonly looks: { slow: boolean; rarely: boolean }[] = [];
  break: 'fast' | 'slow' | 'end' | 'exit' | undefined;
  seconds = '1000';

  release(): void {
    return;
  }

  run(script: Script): Promise<ExecResult> {
    const [nonce = '', known, force, rarely] = script.args ?? [];
    const packages = force === '1' || known !== this.signature;
    this.looks.push({ slow: packages, rarely: rarely === '1' });
    const scopes = scopesOf(script.text);
    const record = (scope: number, name: string, text: string): string =>
      `\n${nonce} ${scope}.${name} 0 ${text.length}\n${text}`;
    const fragment = (scope: number, text: string, broken: boolean): string =>
      record(scope, 'value', text) + (broken ? '' : record(scope, 'hostler.done', ''));
    const stdout =
      record(0, 'time', this.seconds) +
      record(0, 'signature', this.signature) +
      record(0, 'packages', packages ? '1' : '0') +
      (scopes.fast === undefined ? '' : fragment(scopes.fast, this.fast, this.break === 'fast')) +
      (scopes.slow === undefined || !packages ? '' : fragment(scopes.slow, this.slow, this.break === 'slow')) +
      (this.break === 'end' ? '' : `\n${nonce} end\n`);
    const exitCode = this.break === 'exit' ? 1 : 0;
    return Promise.resolve({ exitCode, signal: undefined, stdout, stderr: '', truncated: false, durationMs: 1 });
  }
}

function scopesOf(text: string): { fast: number | undefined; slow: number | undefined } {
  const scope = (script: string): number | undefined => {
    const before = text.slice(0, text.indexOf(`\n${script}\nput hostler.done`));
    const found = [...before.matchAll(/hostler_scope=(\d+)/g)].at(-1)?.[1];
    return text.includes(`\n${script}\nput hostler.done`) ? Number(found) : undefined;
  };
  return { fast: scope('fast'), slow: scope('slow') };
}

const effective = (docker?: object) =>
  effectiveServer({
    spec: {
      addresses: [{ type: 'IPv4', address: '192.0.2.1' }],
      ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
      ...(docker === undefined ? {} : { docker }),
    },
  });

class SteppedClock implements Clock {
  time = 1_000_000;
  now(): number {
    return this.time;
  }
  sleep(): Promise<void> {
    return Promise.resolve();
  }
}

function setUp() {
  const host = new ScriptedHost();
  const clock = new SteppedClock();
  const look = (previous?: Observation, docker: object | undefined = {}, forceSlow = false): Promise<Observation> =>
    observe(host, { effective: effective(docker), tasks: [task], previous, forceSlow, clock });
  return { host, clock, look };
}

describe('observe', () => {
  it('puts together what the fragments of a task found', async () => {
    const { look } = setUp();
    const observation = await look();
    expect(observation.have.get('sample')).toEqual({ fast: 'f1', slow: 's1' });
    expect(observation.failed.size).toBe(0);
  });

  it('does not ask for tasks that nobody declared', async () => {
    const { host, clock } = setUp();
    const bare = await observe(host, { effective: effective(), tasks: [task], clock });
    expect([bare.have.size, bare.failed.size]).toEqual([0, 0]);
  });

  it('carries slow facts over while the package state stays', async () => {
    const { host, look } = setUp();
    const first = await look();
    host.slow = 's2';
    host.fast = 'f2';
    const second = await look(first);
    expect(second.have.get('sample')).toEqual({ fast: 'f2', slow: 's1' });
    host.signature = 'state-2';
    expect((await look(second)).have.get('sample')).toEqual({ fast: 'f2', slow: 's2' });
  });

  it('gathers slow facts again when asked, when their arguments changed, and after six hours', async () => {
    const { host, clock, look } = setUp();
    const first = await look();
    await look(first, {}, true);
    await look(first, { users: ['ubuntu'] });
    clock.time += 6 * HOUR_MS - 1;
    await look(first);
    clock.time += 1;
    await look(first);
    expect(host.looks).toEqual([
      { slow: true, rarely: true },
      { slow: true, rarely: false },
      { slow: true, rarely: true },
      { slow: false, rarely: false },
      { slow: true, rarely: true },
    ]);
  });

  it('carries them over to a look at less, such as that at the health', async () => {
    const { host, clock, look } = setUp();
    const previous = await look();
    await observe(host, { effective: effective({}), tasks: [], previous, clock });
    expect(host.looks.at(-1)).toEqual({ slow: false, rarely: false });
  });

  it('gathers them again after a look in which they broke off', async () => {
    const { host, look } = setUp();
    host.break = 'slow';
    const broken = await look();
    host.break = undefined;
    expect((await look(broken)).have.get('sample')).toEqual({ fast: 'f1', slow: 's1' });
  });

  it.each(['fast', 'slow'] as const)('names a task whose %s fragment broke off, instead of guessing', async (which) => {
    const { host, look } = setUp();
    const first = await look();
    host.break = which;
    host.signature = 'state-2';
    const observation = await look(first);
    expect(observation.have.has('sample')).toBe(false);
    expect(observation.failed.get('sample')).toMatch(/^fragment sample#\d broke off$/);
  });

  it.each(['end', 'exit'] as const)('refuses an answer that is damaged (%s)', async (which) => {
    const { host, look } = setUp();
    host.break = which;
    await expect(look()).rejects.toMatchObject({ reason: 'ObservationFailed' });
    await expect(look()).rejects.toBeInstanceOf(ReconcileError);
  });

  it.each([
    ['1000', 0],
    ['999', -1],
    ['900', -99_001],
    ['1100', 100_000],
  ])('at %s seconds of the host sees a skew of %d ms', async (seconds, skew) => {
    const { host, look } = setUp();
    host.seconds = seconds;
    expect((await look()).facts.clockSkewMs).toBe(skew);
  });
});
