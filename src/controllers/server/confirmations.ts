import { randomBytes } from 'node:crypto';
import type { Confirmation } from '../../api/serverStatus.ts';
import type { ApplyOptions } from '../../host/apply.ts';
import { settleChange, type ProofResult } from '../../host/confirm.ts';
import type { Change, NamedChange } from '../../host/task.ts';
import { toTime } from '../../lib/clock.ts';
import { findCause, ReconcileError, TerminalError } from '../../lib/errors.ts';
import type { PooledSession } from '../../ssh/session.ts';
import type { Attempts } from './attempts.ts';
import { claimOf, type ClaimDeps } from './claim.ts';
import type { ServerDeps } from './deps.ts';
import type { LoginDesk } from './login.ts';
import type { Scope } from './scope.ts';

type Deps = ClaimDeps & Pick<ServerDeps, 'clock'>;

/** A change that the host took back so often is not tried again until the spec changes. */
const MAX_ROLLBACKS = 2;
/** Longer than any host waits for a proof: until then a rejected login may be the work of a change that will go. */
const SURELY_OVER_MS = 5 * 60_000;

/**
 * Keeps the books of changes that could lock us out: each try is counted in the status before the host is touched, and
 * stays Pending there until its end is known, whichever process learns of it.
 */
export class Confirmations {
  readonly #deps: Deps;
  readonly #desk: Pick<LoginDesk, 'prove'>;
  readonly #attempts: Pick<Attempts, 'steps' | 'fail'>;
  readonly #writeAhead: (scope: Scope) => Promise<void>;

  constructor(
    deps: Deps,
    given: {
      desk: Pick<LoginDesk, 'prove'>;
      attempts: Pick<Attempts, 'steps' | 'fail'>;
      writeAhead: (scope: Scope) => Promise<void>;
    },
  ) {
    this.#deps = deps;
    this.#desk = given.desk;
    this.#attempts = given.attempts;
    this.#writeAhead = given.writeAhead;
  }

  /** What a change's proof is made with. */
  proof(scope: Scope): ApplyOptions['proof'] {
    return {
      begin: (change) => this.#begin(scope, change),
      prove: (signal) => this.#desk.prove(scope, signal),
      clock: this.#deps.clock,
    };
  }

  /** Makes a change and writes down how it ended; one that is not provisional passes through. */
  async track<T>(scope: Scope, change: NamedChange, make: () => Promise<T>): Promise<T> {
    try {
      const result = await make();
      this.#drop(scope, change.name);
      return result;
    } catch (error) {
      const known = findCause(error, ReconcileError);
      throw known?.reason === 'ConfigRolledBack' ? this.#takenBack(scope, change.name, known) : error;
    }
  }

  /** Settles what earlier runs left open. @returns why the first was taken back; undefined: none was. */
  async settle(scope: Scope, session: PooledSession): Promise<ReconcileError | undefined> {
    for (const entry of scope.confirmations.filter(isPending)) {
      const what = scope.steps.find((step) => step.name === entry.name)?.message ?? entry.name;
      const means = { ...this.proof(scope), claim: claimOf(this.#deps, scope), signal: scope.signal };
      const result = await settleChange(session, { id: entry.id, name: entry.name, what }, means);
      const error = this.#settled(scope, entry, result);
      if (error !== undefined) return error;
    }
    return undefined;
  }

  #settled(scope: Scope, { name, attempts }: Confirmation, result: ProofResult): ReconcileError | undefined {
    switch (result.kind) {
      case 'confirmed':
        this.#drop(scope, name);
        this.#attempts.steps(scope).succeed(name);
        return undefined;
      case 'absent': // cut off before it began, or after it was proven: this try does not count
        this.#drop(scope, name, attempts - 1);
        return undefined;
      case 'takenBack': {
        const error = this.#takenBack(scope, name, result.error);
        this.#attempts.fail(scope, name, error);
        return error;
      }
    }
  }

  async #begin(scope: Scope, { name, what }: NamedChange): Promise<string> {
    const before = scope.confirmations.find((one) => one.name === name)?.attempts ?? 0;
    if (before >= MAX_ROLLBACKS) throw givenUp(what);
    const id = randomBytes(10).toString('hex');
    const startTime = toTime(this.#deps.clock.now());
    this.#set(scope, { name, id, attempts: before + 1, state: 'Pending', startTime });
    await this.#writeAhead(scope);
    return id;
  }

  /** Once more is a matter of the moment, twice is none. */
  #takenBack(scope: Scope, name: string, error: ReconcileError): ReconcileError {
    const entry = scope.confirmations.find((one) => one.name === name);
    if (entry === undefined) return error;
    this.#set(scope, { ...entry, state: 'RolledBack' });
    if (entry.attempts < MAX_ROLLBACKS) return error;
    const text = `${error.message} This happened ${entry.attempts} times, so it is not tried again.`;
    return new TerminalError('ConfigRolledBack', text, { remedy: whatHelps, cause: error });
  }

  /** @param attempts  What stays counted. */
  #drop(scope: Scope, name: string, attempts = 0): void {
    const entry = scope.confirmations.find((one) => one.name === name);
    if (entry === undefined) return;
    scope.confirmations = scope.confirmations.filter((one) => one !== entry);
    if (attempts > 0) this.#set(scope, { ...entry, attempts, state: 'RolledBack' });
  }

  #set(scope: Scope, entry: Confirmation): void {
    scope.confirmations = [...scope.confirmations.filter(({ name }) => name !== entry.name), entry];
  }
}

const whatHelps =
  'Look at what stands in the way of the login, on the host or in the declared fields; a changed spec or ServerOperation Retry tries again.';

function givenUp(what: string): ReconcileError {
  const text = `The host took this back ${MAX_ROLLBACKS} times, so it is not tried again: ${what}.`;
  return new TerminalError('ConfigRolledBack', text, { remedy: whatHelps });
}

function isPending({ state }: Confirmation): boolean {
  return state === 'Pending';
}

/** The user changed the spec or asked for Retry: what was taken back may be tried anew; what is open stays so. */
export function forgiveRollbacks(confirmations: readonly Confirmation[]): Confirmation[] {
  return confirmations.filter(isPending).map((entry) => ({ ...entry, attempts: 1 }));
}

/** Whether a login that is rejected now may be so only until the host takes a change back. */
export function mayBeLockedOut({ confirmations, now }: Pick<Scope, 'confirmations' | 'now'>): boolean {
  return confirmations.some((entry) => isPending(entry) && now - Date.parse(entry.startTime) < SURELY_OVER_MS);
}

/** Those of `changes` that the host took back. */
export function rolledBack({ confirmations }: Pick<Scope, 'confirmations'>, changes: readonly Change[]): Change[] {
  return changes.filter(({ name }) => confirmations.some((one) => one.name === name && one.state === 'RolledBack'));
}
