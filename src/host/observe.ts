import { randomBytes } from 'node:crypto';
import type { EffectiveServer } from '../api/effective.ts';
import type { Clock } from '../lib/clock.ts';
import { TransientError } from '../lib/errors.ts';
import type { ExecResult, Session } from '../ssh/session.ts';
import type { HostFacts } from './facts.ts';
import { coreFacts } from './facts/core.ts';
import { observeScript, type Pace, type PlacedFragment } from './observeScript.ts';
import { parseRecords, Records } from './records.ts';
import type { AnyTask, FactFragment } from './task.ts';

const SLOW_FACTS_MAX_AGE_MS = 6 * 60 * 60 * 1000;
const TIMEOUT_MS = 120_000;
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

/** Results of the slow fragments, carried from one look to the next. */
interface SlowFacts {
  /** Of the package state that they belong to. */
  signature: string;
  /** When the `rarely` fragments ran; milliseconds since the epoch. */
  at: number;
  /** What each fragment's `parse` gave, by fragment name, and which arguments it was asked with. */
  results: ReadonlyMap<string, { args: readonly string[]; result: unknown }>;
}

/** What was seen in one round trip. */
export interface Observation {
  facts: HostFacts;
  /** What each managed task found, by task name. A task that could not look is not in here but in `failed`. */
  have: ReadonlyMap<string, unknown>;
  /** Managed tasks whose fragment did not come to its end, with why. */
  failed: ReadonlyMap<string, string>;
  /** Milliseconds since the epoch, by the clock given. */
  at: number;
  /** To be carried over; see ObserveOptions.previous. */
  slow: SlowFacts;
}

/** See {@link observe}. */
export interface ObserveOptions {
  effective: EffectiveServer;
  tasks: readonly AnyTask[];
  /** The last observation of the same host, if any; its slow facts are carried over while they hold. */
  previous?: Observation | undefined;
  /**
   * Gathers the facts about packages again whatever the signature says. All slow facts are gathered when there is no
   * `previous` or it is 6 hours old.
   */
  forceSlow?: boolean;
  clock: Clock;
  signal?: AbortSignal;
}

/** A fragment with who asked for it. */
interface Asked {
  /** `core#2`, `docker-engine#0`. */
  name: string;
  task: string | undefined;
  fragment: FactFragment<unknown>;
  placed: PlacedFragment;
}

/**
 * Looks at the whole host in one round trip: one script, framed records, parsed as hostile input.
 * Reads only. Works without root: what may not be read is absent from the result.
 * @throws TransientError ObservationFailed  when the answer is incomplete or not in the expected form.
 * @throws whatever Session.run throws.
 */
export async function observe(session: Session, options: ObserveOptions): Promise<Observation> {
  const { clock } = options;
  const asked = fragmentsFor(options);
  const started = clock.now();
  const usable = usablePrevious(options.previous?.slow, asked, started);
  const records = await look(session, asked, { usable, options });
  const ended = clock.now();
  const engine = records.get(0) ?? new Records(new Map());
  const carried = usable && engine.text('packages') === '1' ? onlyRare(usable, asked) : usable;
  const { results, failed } = resultsOf(asked, records, carried);
  return {
    facts: factsOf(asked, results, clockSkew(engine.text('time'), started, ended)),
    have: haveOf(asked, results, failed),
    failed,
    at: ended,
    slow: {
      signature: engine.text('signature') ?? '',
      at: usable?.at ?? ended,
      results: keptOf(asked, results),
    },
  };
}

/** The round trip. */
async function look(
  session: Session,
  asked: readonly Asked[],
  { usable, options }: { usable: SlowFacts | undefined; options: ObserveOptions },
): Promise<ReadonlyMap<number, Records>> {
  const nonce = randomBytes(16).toString('hex');
  const script = observeScript(
    asked.map(({ placed }) => placed),
    {
      nonce,
      signature: usable?.signature ?? '',
      forcePackages: usable === undefined || options.forceSlow === true,
      rarely: usable === undefined,
    },
  );
  const answer = await session.run(script, {
    asUser: session.privilege.kind === 'none',
    timeoutMs: TIMEOUT_MS,
    maxOutputBytes: MAX_OUTPUT_BYTES,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return recordsOf(answer, nonce);
}

function fragmentsFor({ effective, tasks }: ObserveOptions): Asked[] {
  const managed = tasks.filter((task) => task.want(effective) !== undefined);
  const owners: { task: string | undefined; facts: readonly FactFragment<unknown>[] }[] = [
    { task: undefined, facts: coreFacts },
    ...managed.map((task) => ({ task: task.name, facts: task.facts })),
  ];
  return owners
    .flatMap(({ task, facts }) =>
      facts.map((fragment, index) => ({ name: `${task ?? 'core'}#${index}`, task, fragment })),
    )
    .map((entry, index) => ({
      ...entry,
      placed: {
        scope: index + 1,
        script: entry.fragment.script,
        pace: paceOf(entry.fragment),
        args: entry.fragment.args?.(effective) ?? [],
      },
    }));
}

function paceOf({ slow }: FactFragment<unknown>): Pace {
  if (slow === 'rarely') return 'rarely';
  return slow === true ? 'packages' : 'always';
}

/** Only when it answers every slow fragment that is asked for now; that it answers more is no harm. */
function usablePrevious(slow: SlowFacts | undefined, asked: readonly Asked[], now: number): SlowFacts | undefined {
  if (slow === undefined || !slowOf(asked).every((one) => isAnswered(slow, one))) return undefined;
  const age = now - slow.at;
  return age >= 0 && age < SLOW_FACTS_MAX_AGE_MS ? slow : undefined;
}

function isAnswered(slow: SlowFacts, { name, placed }: Asked): boolean {
  const args = slow.results.get(name)?.args;
  return args?.length === placed.args.length && args.every((arg, index) => arg === placed.args[index]);
}

/** A task's fragment that broke off is asked for again by the next look; missing core facts wait for their time. */
function keptOf(asked: readonly Asked[], results: ReadonlyMap<string, unknown>): SlowFacts['results'] {
  const kept = slowOf(asked).filter(({ name, task }) => task === undefined || results.has(name));
  return new Map(kept.map(({ name, placed: { args } }) => [name, { args, result: results.get(name) }]));
}

function slowOf(asked: readonly Asked[]): Asked[] {
  return asked.filter(({ fragment }) => fragment.slow !== undefined && fragment.slow !== false);
}

/** What may be carried over when the fragments about packages ran again. */
function onlyRare(slow: SlowFacts, asked: readonly Asked[]): SlowFacts {
  const rare = new Set(asked.filter(({ placed }) => placed.pace === 'rarely').map(({ name }) => name));
  return { ...slow, results: new Map([...slow.results].filter(([name]) => rare.has(name))) };
}

function recordsOf(answer: ExecResult, nonce: string): ReadonlyMap<number, Records> {
  if (answer.truncated) {
    throw new TransientError('ObservationFailed', `The host answered more than ${MAX_OUTPUT_BYTES} bytes.`);
  }
  if (answer.exitCode !== 0) {
    throw new TransientError(
      'ObservationFailed',
      `The observation ended with exit code ${answer.exitCode} instead of an answer.`,
      { remedy: 'Check that the login shell of the user runs sh and that nothing ends its commands.' },
    );
  }
  return parseRecords(answer.stdout, nonce);
}

/** What each fragment found: fresh, or carried over when it did not run. A fragment that broke off is a failure. */
function resultsOf(
  asked: readonly Asked[],
  records: ReadonlyMap<number, Records>,
  usable: SlowFacts | undefined,
): { results: Map<string, unknown>; failed: Map<string, string> } {
  const results = new Map<string, unknown>();
  const failed = new Map<string, string>();
  for (const { name, task, fragment, placed } of asked) {
    const found = records.get(placed.scope);
    if (found?.status('hostler.done') === 0) results.set(name, fragment.parse(found));
    else if (found === undefined && usable?.results.has(name)) results.set(name, usable.results.get(name)?.result);
    else if (task !== undefined) failed.set(task, `fragment ${name} broke off`);
  }
  return { results, failed };
}

function factsOf(asked: readonly Asked[], results: ReadonlyMap<string, unknown>, skew: number | undefined): HostFacts {
  const none: HostFacts = {
    packageManager: 'none',
    initSystem: 'unknown',
    fileSystems: [],
    owner: { state: 'Unreadable' },
  };
  const core = asked.filter(({ task }) => task === undefined).map(({ name }) => results.get(name));
  return Object.assign(none, ...core, skew === undefined ? {} : { clockSkewMs: skew }) as HostFacts;
}

function haveOf(
  asked: readonly Asked[],
  results: ReadonlyMap<string, unknown>,
  failed: ReadonlyMap<string, string>,
): Map<string, unknown> {
  const have = new Map<string, object>();
  for (const { name, task } of asked) {
    if (task !== undefined && !failed.has(task)) have.set(task, Object.assign({}, have.get(task), results.get(name)));
  }
  return have;
}

/** How far the host's second lies outside the time in which it was asked. */
function clockSkew(text: string | undefined, started: number, ended: number): number | undefined {
  if (text === undefined || !/^\d{1,12}$/.test(text)) return undefined;
  const earliest = Number(text) * 1000;
  if (earliest > ended) return earliest - ended;
  return Math.min(0, earliest + 999 - started);
}
