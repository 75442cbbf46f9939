import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { effectiveServer, type EffectiveServer } from '../../src/api/effective.ts';
import { reasons } from '../../src/api/reasons.ts';
import { areas, disruptions, type ServerSpec } from '../../src/api/serverSpec.ts';
import { provisionalScript, undoText } from '../../src/host/confirmScript.ts';
import { exitCodes } from '../../src/host/exitCodes.ts';
import type { HostFacts } from '../../src/host/facts.ts';
import { observe, type Observation } from '../../src/host/observe.ts';
import { ownedScript } from '../../src/host/ownershipScript.ts';
import { Records, type Entry } from '../../src/host/records.ts';
import { scriptFile } from '../../src/host/scriptFile.ts';
import { arrivedScript } from '../../src/host/transfer.ts';
import type { Action, AnyTask, Change } from '../../src/host/task.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { ReconcileError } from '../../src/lib/errors.ts';
import { localSession, shells, type LocalSession } from '../support/localSession.ts';

/** What may be declared, so that a task has something to want. */
export interface DeclaredCase {
  name: string;
  spec: Partial<ServerSpec>;
}

const address = { type: 'IPv4', address: '192.0.2.1' } as const;
const ssh = { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } };
const effectiveOf = (spec: Partial<ServerSpec>): EffectiveServer =>
  effectiveServer({ spec: { addresses: [address], ssh, ...spec } });

const blindFacts: HostFacts = {
  packageManager: 'none',
  initSystem: 'unknown',
  fileSystems: [],
  owner: { state: 'Unreadable' },
};
/** What changes a host or leaves files behind; facts only read. */
const writing = [
  /(^|[;&|({]\s*|\b(?:then|do|else)\s+)(rm|mv|cp|ln|mkdir|rmdir|touch|tee|install|chmod|chown|dd|truncate|mktemp|mkfifo|kill|pkill|reboot)[ \t]/m,
  /\b(apt-get|apt|dnf|yum)\s+(?!.*(-s\b|--simulate))[^\n|]*\b(install|upgrade|dist-upgrade|remove|purge|update|autoremove)\b/,
  /\bsystemctl[ \t]+(start|stop|restart|reload|enable|disable|mask|daemon-reload)\b/,
  /\bdocker[ \t]+(run|start|stop|rm|pull|exec|compose)\b/,
  // a connection of bash is none
  /[0-9]?>{1,2}\s*"?(?!\/dev\/(null|tcp)|&)[\w/$"{]/,
  /<<-?\s*['"\w]/,
];

function syntaxError(shell: readonly string[], text: string): string {
  const { stderr, status } = spawnSync(shell[0] ?? '', [...shell.slice(1), '-n'], { input: text, encoding: 'utf8' });
  return status === 0 ? '' : stderr;
}

/** What this very machine shows, once per declared case for all tasks. */
const observations = new Map<string, Observation>();

/** The contract of task.ts, held against every task; `declared` must make each of them want something. */
export function describeTasks(tasks: readonly AnyTask[], declared: readonly DeclaredCase[]): void {
  let session: LocalSession;
  beforeAll(async () => {
    session = localSession();
    for (const { name, spec } of declared) {
      observations.set(name, await observe(session, { effective: effectiveOf(spec), tasks, clock: systemClock }));
    }
  }, 120_000);
  afterAll(() => session.remove());
  for (const task of tasks) describeTask(task, declared);
}

function describeTask(task: AnyTask, declared: readonly DeclaredCase[]): void {
  const wanting = declared.filter(({ spec }) => task.want(effectiveOf(spec)) !== undefined);

  describe(`task ${task.name}`, () => {
    /** Differences on this very machine, by declared case. */
    const differences = (): { spec: Partial<ServerSpec>; changes: Change[]; facts: HostFacts }[] =>
      wanting.map(({ name, spec }) => {
        const { facts, have } = observations.get(name)!;
        const { changes } = task.diff(task.want(effectiveOf(spec)), have.get(task.name), facts);
        return { spec, changes, facts };
      });

    it('has a name, an area and a case in which it wants something', () => {
      expect(task.name).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
      expect(areas).toContain(task.area);
      expect(wanting.length).toBeGreaterThan(0);
      expect(task.facts.length).toBeGreaterThan(0);
    });

    it('wants nothing when nothing is declared', () => {
      expect(task.want(effectiveOf({}))).toBeUndefined();
    });

    it('looks by scripts that only read and that every sh understands', () => {
      for (const { script } of task.facts) {
        for (const pattern of writing) expect(script).not.toMatch(pattern);
        for (const { name, shell } of shells) expect(syntaxError(shell, script), name).toBe('');
      }
    });

    it('comes to the end of its look on this machine, whatever is on it', () => {
      for (const { name } of wanting) expect(observations.get(name)?.failed.get(task.name)).toBeUndefined();
    });

    it('survives any records', () => {
      const names = fc.constantFrom(...recordNames(task));
      const entry = fc.record<Entry>({ status: fc.integer({ min: 0, max: 255 }), text: fc.string({ maxLength: 200 }) });
      fc.assert(
        fc.property(fc.array(fc.tuple(names, entry), { maxLength: 30 }), (entries) => {
          const records = new Records(new Map(entries));
          const have: unknown = Object.assign({}, ...task.facts.map((fragment) => fragment.parse(records)));
          for (const { spec } of wanting) task.diff(task.want(effectiveOf(spec)), have, blindFacts);
        }),
        { numRuns: 200 },
      );
    });

    it('judges without changing what it is given, twice the same', () => {
      for (const { name, spec } of wanting) {
        const { facts, have } = observations.get(name)!;
        const want = task.want(effectiveOf(spec));
        const before = structuredClone([want, have.get(task.name), facts]);
        const first = task.diff(want, have.get(task.name), facts);
        expect(task.diff(want, have.get(task.name), facts)).toEqual(first);
        expect([want, have.get(task.name), facts]).toEqual(before);
      }
    });

    it('describes changes as plain data that can be printed, hashed and stored', () => {
      for (const { changes } of differences()) {
        expect(JSON.parse(JSON.stringify(changes))).toEqual(changes);
        expect(new Set(changes.map(({ name }) => name)).size).toBe(changes.length);
        for (const change of changes) expectProperChange(task, change);
      }
    });

    it('applies by constant scripts: what varies travels as arguments', () => {
      const texts = new Map<string, string>();
      for (const { changes, facts } of differences()) {
        for (const change of changes) {
          const { script } = task.apply(change, facts);
          expect(task.apply(change, facts).script).toEqual(script);
          expect(texts.get(script.name) ?? script.text).toBe(script.text);
          texts.set(script.name, script.text);
          for (const arg of script.args ?? []) expect(typeof arg).toBe('string');
          expectProperAction(task.apply(change, facts));
        }
      }
    });

    it('explains every agreed exit code or leaves it to the engine', () => {
      for (const { changes } of differences()) {
        for (const change of changes) {
          for (const exitCode of Object.values(exitCodes)) {
            const error = task.explain?.(change, { exitCode, stdout: '', stderr: '' });
            expect(error === undefined || error instanceof ReconcileError).toBe(true);
          }
        }
      }
    });

    it('answers for each of its preflight checks with a reason that exists', () => {
      for (const { name, spec } of wanting) {
        const { facts, have } = observations.get(name)!;
        const checks = task.checks?.judge(task.want(effectiveOf(spec)), have.get(task.name), facts) ?? [];
        expect(checks.map((check) => check.name)).toEqual(task.checks?.names ?? []);
        for (const check of checks) expect(check.reason in reasons).toBe(true);
      }
    });
  });
}

/** Names that a task's fragments print, as far as they stand in their text. */
function recordNames(task: AnyTask): [string, ...string[]] {
  const found = task.facts.flatMap(({ script }) =>
    [...script.matchAll(/\b(?:put|run|status|file|rec)\s+"?([a-z0-9_.-]+)/g)].flatMap((match) => match[1] ?? []),
  );
  return ['unknown', ...new Set(found)];
}

function expectProperChange(task: AnyTask, change: Change): void {
  expect(change.name.startsWith(`${task.name}/`)).toBe(true);
  expect(change.area).toBe(task.area);
  expect(disruptions).toContain(change.disruption);
  expect(change.what).not.toBe('');
  expect(change.why).toContain('spec.');
  if (change.disruption === 'None' || change.disruption === 'Reload') expect(change.expectedGapSeconds).toBe(0);
}

/** What sends a script of an action to a host makes of its text. */
const sentAs: Readonly<Record<Action['kind'], (text: string) => string>> = {
  script: ownedScript,
  job: (text) => text,
  provisional: provisionalScript,
  transfer: arrivedScript,
};

function expectProperAction(action: Action): void {
  const { kind, script, timeoutSeconds } = action;
  expect(timeoutSeconds).toBeGreaterThan(0);
  expect(script.name).toMatch(/^[a-z0-9/-]+$/);
  const texts = [sentAs[kind](script.text)];
  if (action.kind === 'provisional') {
    expect(script.secretInput).toBeUndefined();
    expect(action.files.length).toBeGreaterThan(0);
    for (const file of action.files) expect(file).toMatch(/^\/[^\s]+$/);
    expect(action.confirmSeconds).toBeGreaterThan(timeoutSeconds);
    texts.push(scriptFile(action.rollback), undoText);
  }
  for (const text of texts) for (const { name, shell } of shells) expect(syntaxError(shell, text), name).toBe('');
}
