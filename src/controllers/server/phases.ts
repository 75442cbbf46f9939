import { applyChange, verify } from '../../host/apply.ts';
import { observe, type Observation, type ObserveOptions } from '../../host/observe.ts';
import { takeOver } from '../../host/ownership.ts';
import { gate, planHost, taskOf } from '../../host/plan.ts';
import { runPreflight } from '../../host/preflight.ts';
import type { Change } from '../../host/task.ts';
import { findCause, ReconcileError, TransientError } from '../../lib/errors.ts';
import type { PooledSession } from '../../ssh/session.ts';
import { isApproved, settleApproval } from './approval.ts';
import { Acts } from './acts/acts.ts';
import { Attempts } from './attempts.ts';
import { claimOf } from './claim.ts';
import { isConnectionFailure } from './connectionFailure.ts';
import { Confirmations } from './confirmations.ts';
import type { ServerDeps } from './deps.ts';
import { fixSudo, policyOf } from './fixing.ts';
import { Hooks } from './hooks.ts';
import { containersRunning, describeHost, pendingMaintenance } from './inventory.ts';
import { Jobs } from './jobs.ts';
import type { LoginDesk } from './login.ts';
import type { ServerCommand, ServerEvent } from './machine.ts';
import type { References } from './references.ts';
import type { Scope } from './scope.ts';
import { firstSteps, type StepLog } from './steps.ts';

/** Carries out the machine's commands: one method each, each ends in the next event. Nothing here decides. */
export class Phases {
  readonly #deps: ServerDeps;
  readonly #desk: LoginDesk;
  readonly #acts: Acts;
  readonly #attempts: Attempts;
  readonly #confirmations: Confirmations;
  readonly #hooks: Hooks;
  readonly #jobs: Jobs;
  readonly #references: References;

  constructor(
    deps: ServerDeps,
    { desk, references }: { desk: LoginDesk; references: References },
    writeAhead: (scope: Scope) => Promise<void>,
  ) {
    this.#deps = deps;
    this.#desk = desk;
    this.#references = references;
    this.#acts = new Acts(deps, writeAhead);
    this.#attempts = new Attempts(deps, writeAhead);
    this.#confirmations = new Confirmations(deps, { desk, attempts: this.#attempts, writeAhead });
    this.#hooks = new Hooks(deps, this.#attempts, writeAhead);
    this.#jobs = new Jobs(deps, this.#attempts, this.#hooks);
  }

  /** Runs one command. @returns the fact that came of it. */
  async run(command: Exclude<ServerCommand, 'remove'>, scope: Scope): Promise<ServerEvent> {
    switch (command) {
      case 'observe':
        return this.#observe(scope);
      case 'check':
        return this.#check(scope);
      case 'apply':
        return this.#guarded(scope, () => this.#apply(scope));
      case 'verify':
        return this.#guarded(scope, () => this.#verify(scope));
    }
  }

  /** @param again  After a login that had to be made anew within the run. */
  async #observe(scope: Scope, again = false): Promise<ServerEvent> {
    const steps = this.#setUpSteps(scope);
    steps?.announce(firstSteps);
    steps?.ensure('connect');
    scope.login ??= await this.#desk.logIn(scope, { full: scope.full });
    if (scope.login.outcome === 'failed') {
      scope.login = { ...scope.login, error: await this.#acts.away(scope, scope.login.error) };
      steps?.fail('connect', scope.login.error.reason, scope.login.error.advice);
      return { type: 'lookFailed' };
    }
    const { session } = scope.login;
    steps?.succeed('connect', `connected to ${session.peer}`);
    return this.#guarded(scope, async () => {
      if (scope.takeOver) await this.#takeOver(scope, session);
      const jobs = await this.#jobs.finish(scope, session);
      if (jobs.kind === 'running') return { type: 'waiting' };
      scope.jobFailed = jobs.kind === 'failed';
      if (jobs.kind === 'failed') return this.#changeFailed(scope, jobs.error);
      const takenBack = await this.#confirmations.settle(scope, session);
      if (takenBack !== undefined) return this.#changeFailed(scope, takenBack);
      const seen = await this.#look(scope, session, steps);
      switch (await this.#acts.perform(scope, session)) {
        case 'waiting':
          return { type: 'waiting' };
        case 'done': // the host may be different now
          return this.#look(scope, session, steps);
        case 'none':
          return !again && (await fixSudo(this.#deps, scope, session)) ? this.#observe(scope, true) : seen;
      }
    });
  }

  async #look(scope: Scope, session: PooledSession, steps: StepLog | undefined): Promise<ServerEvent> {
    steps?.ensure('detect');
    scope.observation = await this.#seen(scope, session);
    if (!scope.full && this.#rebooted(scope)) {
      scope.full = true;
      scope.observation = await this.#seen(scope, session);
    }
    const { facts } = scope.observation;
    await this.#desk.trust.complete(scope, session, facts.machineID);
    if (scope.full) {
      scope.memory.observation = scope.observation;
      scope.memory.fullLookAt = scope.now;
    }
    steps?.succeed('detect', describeHost(facts));
    return { type: 'observed', full: scope.full, ...pendingMaintenance(facts) };
  }

  async #seen(scope: Scope, session: PooledSession): Promise<Observation> {
    if (scope.full) scope.effective = await this.#references.resolve(scope);
    return observe(session, this.#observeOptions(scope));
  }

  /** After a reboot everything may be different. */
  #rebooted(scope: Scope): boolean {
    const before = scope.server.status?.identity?.bootID;
    return before !== undefined && before !== scope.observation?.facts.bootID;
  }

  #observeOptions(scope: Scope): ObserveOptions {
    return {
      effective: scope.effective,
      tasks: scope.full ? this.#deps.tasks : [],
      previous: scope.memory.observation,
      clock: this.#deps.clock,
      signal: scope.signal,
    };
  }

  /** Preflight, plan, gate: pure work on what was seen. */
  #check(scope: Scope): Promise<ServerEvent> {
    const { observation, login } = scope;
    if (observation === undefined || login?.outcome !== 'connected') return Promise.resolve({ type: 'lookFailed' });
    const { effective } = scope;
    const { tasks } = this.#deps;
    scope.preflight = runPreflight(effective, observation, {
      privilege: login.session.privilege,
      privilegeFailure: login.session.privilegeFailure,
      tasks,
    });
    this.#reportPreflight(scope);
    scope.plan = planHost(effective, observation, tasks);
    settleApproval(scope, scope.plan);
    const { run, pending } = gate(scope.plan, {
      automatic: effective.automaticDisruption,
      containersRunning: containersRunning(effective, observation, tasks),
      isApproved: (change) => isApproved(scope, change),
      policyOf: policyOf(scope, tasks),
      paused: effective.paused,
    });
    const root = login.session.privilege.kind !== 'none';
    scope.runnable = root ? run : [];
    scope.held = root
      ? pending
      : [...pending, ...run.map((change) => ({ ...change, waitingFor: 'Management' as const }))];
    const event = this.#finding(scope);
    if (event.type === 'conformed') {
      this.#setUpSteps(scope)?.succeed('verify', 'looked at the host: it is as declared');
      this.#attempts.steps(scope).foundDone();
    }
    return Promise.resolve(event);
  }

  #finding(scope: Scope): ServerEvent {
    const { plan, preflight, runnable, effective } = scope;
    if (plan === undefined) return { type: 'lookFailed' };
    const qualified = preflight?.result !== 'Unqualified';
    const wanting = plan.obstacles.some((one) => effective.policyOf(one.area) === 'Manage');
    const settled = plan.changes.length === 0;
    const hooksWait = settled && !wanting && this.#hooks.pending(scope).length > 0;
    if (!settled || hooksWait) return { type: 'workFound', runnable: hooksWait || runnable.length > 0, qualified };
    return wanting || !qualified ? { type: 'refused' } : { type: 'conformed' };
  }

  #reportPreflight(scope: Scope): void {
    const steps = this.#setUpSteps(scope);
    const { preflight } = scope;
    if (steps === undefined || preflight === undefined) return;
    const message = `${preflight.passed} passed, ${preflight.failed} failed, ${preflight.warnings} warned`;
    if (preflight.result === 'Unqualified') steps.fail('preflight', 'ChecksFailed', message);
    else steps.succeed('preflight', message);
  }

  async #apply(scope: Scope): Promise<ServerEvent> {
    const session = connected(scope);
    if (!(await this.#hooks.run(scope, session, 'PreProvision'))) return { type: 'waiting' };
    for (const change of scope.runnable) {
      if (scope.applied.includes(change)) continue;
      if (!(await this.#make(scope, session, change))) return { type: 'waiting' };
      scope.applied.push(change);
      if (change.observeAfter === true) break;
    }
    const done = scope.plan?.changes.length === 0 && !(await this.#hooks.run(scope, session, 'PostProvision'));
    return done ? { type: 'waiting' } : { type: 'changesApplied' };
  }

  /** @returns false while its job still runs, or its file is not there yet. */
  async #make(scope: Scope, session: PooledSession, change: Change): Promise<boolean> {
    const task = taskOf(change, this.#deps.tasks);
    scope.log.info(
      { change: change.name, disruption: change.disruption, planHash: scope.plan?.hash },
      'applying change',
    );
    const step = { name: change.name, message: change.what };
    const facts = scope.observation?.facts ?? unobserved();
    const proof = this.#confirmations.proof(scope);
    const artifacts = this.#deps.bundleDirectory;
    return this.#attempts.make(scope, step, (options) =>
      this.#confirmations.track(scope, change, () =>
        applyChange(session, change, task, { ...options, facts, proof, artifacts }),
      ),
    );
  }

  async #verify(scope: Scope): Promise<ServerEvent> {
    const session = connected(scope);
    scope.full = true;
    const steps = this.#setUpSteps(scope);
    steps?.ensure('verify');
    const { observation } = await verify(session, scope.applied, {
      ...this.#observeOptions(scope),
      forceSlow: scope.applied.some((change) => change.observeAfter === true),
    });
    scope.observation = observation;
    scope.memory.observation = observation;
    scope.applied = [];
    return this.#check(scope);
  }

  async #takeOver(scope: Scope, session: PooledSession): Promise<void> {
    await takeOver(session, claimOf(this.#deps, scope).owner, scope.signal);
    scope.tookOver = true;
    scope.takeOver = false;
  }

  /** Turns what went wrong into an event; bugs and API errors go up to the queue. */
  async #guarded(scope: Scope, act: () => Promise<ServerEvent>): Promise<ServerEvent> {
    try {
      return await act();
    } catch (error) {
      scope.signal.throwIfAborted();
      const known = findCause(error, ReconcileError);
      if (known === undefined) throw error;
      if (isConnectionFailure(known)) return this.#linkLost(scope, known);
      if (known.reason === 'MachineReplaced') return this.#turnedAway(scope, known);
      const event = this.#changeFailed(scope, known);
      if (event.type === 'waiting') return event;
      // root is gone, which is no fault of the change: it goes on once root is back
      if (scope.login?.outcome === 'connected' && scope.login.session.privilegeFailure === known)
        return { type: 'lookFailed' };
      return scope.observation === undefined ? { type: 'lookFailed' } : event;
    }
  }

  #changeFailed(scope: Scope, error: ReconcileError): ServerEvent {
    scope.failure = error;
    if (error.retry.kind === 'after') return { type: 'waiting' };
    return { type: 'changeFailed', terminal: error.retry.kind === 'never' };
  }

  #linkLost(scope: Scope, error: ReconcileError): ServerEvent {
    scope.memory.connectFailures += 1;
    return this.#leave(scope, error);
  }

  /** The kept session leads to another machine: nothing that was seen there counts. */
  #turnedAway(scope: Scope, error: ReconcileError): ServerEvent {
    scope.observation = undefined;
    this.#deps.pool.drain(scope.server.metadata.uid);
    return this.#leave(scope, error);
  }

  #leave(scope: Scope, error: ReconcileError): ServerEvent {
    if (scope.login?.outcome === 'connected') scope.login.session.release();
    scope.login = { outcome: 'failed', error };
    return { type: 'lookFailed' };
  }

  /** Only the first set-up logs how it looked. */
  #setUpSteps(scope: Scope): StepLog | undefined {
    return scope.server.status?.appliedGeneration === undefined ? this.#attempts.steps(scope) : undefined;
  }
}

function connected(scope: Scope): PooledSession {
  if (scope.login?.outcome === 'connected') return scope.login.session;
  throw new TransientError('ConnectionLost', 'The connection was lost before the change could be made.');
}

function unobserved(): never {
  throw new TransientError('NotObserved', 'The host was not observed before the change.');
}
