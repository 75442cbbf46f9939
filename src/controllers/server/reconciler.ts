import { findCondition } from '../../api/conditions.ts';
import type { Server } from '../../api/server.ts';
import { isInvalid } from '../../kube/apiError.ts';
import type { Reconciler, Request, Result } from '../../kube/reconciler.ts';
import { backoffMs, jittered } from '../../lib/backoff.ts';
import type { Logger } from '../../lib/logger.ts';
import { redactor } from '../../lib/redaction.ts';
import { servers } from '../../kube/hostlerResources.ts';
import type { ServerDeps } from './deps.ts';
import { forgiveRollbacks } from './confirmations.ts';
import { ActLog } from './acts/actLog.ts';
import { LoginDesk } from './login.ts';
import { next, type ServerCommand, type ServerEvent } from './machine.ts';
import { MemoryStore } from './memory.ts';
import { admitOperations, concludeOperations, underWay, waitingOperations } from './operations.ts';
import { Phases } from './phases.ts';
import { Remover } from './remover.ts';
import { recordTransitions } from './events.ts';
import { References } from './references.ts';
import { newScope, versionOf, type Scope } from './scope.ts';
import { SecretReader } from './secrets.ts';
import { statusOf } from './status.ts';
import { bundleKeyOf } from './watches.ts';

const FINALIZER = 'hostler.dev/server';
/** Commands in one run; the machine never needs as many: a guard against a bug, not a limit. */
const MAX_COMMANDS = 30;
const JOB_POLL_MS = 1000;
/** While the host does not answer: 5 s doubling to the health interval. */
const UNREACHABLE_BACKOFF = { baseMs: 5000, factor: 2, jitter: 0.2 };

/** Brings one Linux host to the state that its Server declares, and says in the status how far that is. */
export class ServerReconciler implements Reconciler {
  readonly #deps: ServerDeps;
  readonly #memories = new MemoryStore();
  readonly #phases: Phases;
  readonly #remover: Remover;

  constructor(deps: ServerDeps) {
    this.#deps = deps;
    const secrets = new SecretReader(deps.client);
    const desk = new LoginDesk(deps, secrets, (scope) => this.#write(scope));
    this.#phases = new Phases(deps, { desk, references: new References(secrets, deps.bundleDirectory) }, (scope) =>
      this.#write(scope),
    );
    this.#remover = new Remover(deps, desk, (scope) => this.#writeIfAccepted(scope));
  }

  async reconcile(request: Request, signal: AbortSignal, log: Logger): Promise<Result> {
    const cached = this.#deps.servers.get(request);
    if (cached === undefined) {
      redactor.forget();
      return {};
    }
    const server = this.#deps.statusWriter.latest(cached);
    if (!isIdentified(server)) return {};
    if (await this.#finalizerAdded(server, signal)) return {}; // our own write brings us back

    const scope = this.#scope(server, signal, log);
    try {
      await this.#advance(scope);
      await this.#conclude(scope);
      if (scope.snapshot.value.lifecycle === 'Removing') return await this.#removed(scope);
      return this.#nextLook(scope);
    } finally {
      if (scope.login?.outcome === 'connected') scope.login.session.release();
    }
  }

  #scope(server: Scope['server'], signal: AbortSignal, log: Logger): Scope {
    const key = `${server.metadata.namespace}/${server.metadata.name}`;
    const bundleKey = bundleKeyOf(server);
    // what has ended in the last run may not have come back to us yet
    const { operationStatus } = this.#deps;
    const operations = this.#deps.operations.byIndex('server', key).map((one) => operationStatus.latest(one));
    return newScope(server, {
      bundle: bundleKey && this.#deps.bundles.get(bundleKey),
      now: this.#deps.clock.now(),
      requalifyAfterMs: this.#deps.intervals.requalifyMs,
      signal,
      log,
      memory: this.#memories.of(server.metadata.uid),
      operations: waitingOperations(operations, { server, now: this.#deps.clock.now() }),
    });
  }

  /** The whole control flow: an event, a transition, its commands, each of which is the next event. */
  async #advance(scope: Scope): Promise<void> {
    let queue = this.#step(scope, this.#firstEvent(scope));
    for (let count = 0; queue.length > 0; count++) {
      if (count === MAX_COMMANDS) throw new Error('the machine does not come to rest');
      const [command, ...rest] = queue;
      if (command === undefined) return;
      scope.log.debug({ command, lifecycle: scope.snapshot.value.lifecycle }, 'running command');
      const before = scope.snapshot.value.lifecycle;
      const event = command === 'remove' ? await this.#remover.remove(scope) : await this.#phases.run(command, scope);
      queue = [...rest, ...this.#step(scope, event)];
      // a new lifecycle state is acknowledged before anything is done in it
      if (before !== scope.snapshot.value.lifecycle && queue.length > 0) await this.#write(scope);
    }
  }

  #step(scope: Scope, event: ServerEvent): ServerCommand[] {
    const { snapshot, commands } = next(scope.snapshot, event);
    scope.log.debug({ event: event.type, from: scope.snapshot.value, to: snapshot.value }, 'transition');
    scope.snapshot = snapshot;
    return commands;
  }

  #firstEvent(scope: Scope): ServerEvent {
    const { server } = scope;
    const isDeleted = server.metadata.deletionTimestamp !== undefined;
    const requested = admitOperations(scope);
    const changed =
      requested || server.status?.observedGeneration !== server.metadata.generation || isBundleChanged(scope);
    scope.asked = changed || isDeleted;
    if (isDeleted) return { type: 'deleteRequested' };
    // until a full look has been had of what is new, however often it fails
    if (changed) scope.memory.fullLookAt = undefined;
    scope.full = changed || this.#fullLookDue(scope);
    if (changed) scope.confirmations = forgiveRollbacks(scope.confirmations);
    return { type: changed ? 'requestChanged' : 'lookDue' };
  }

  /** A health look is enough only while everything was as declared, and not too long ago. */
  #fullLookDue(scope: Scope): boolean {
    const lastFull = scope.memory.fullLookAt;
    if (lastFull === undefined || scope.now - lastFull >= this.#deps.intervals.driftMs) return true;
    if (scope.operations.length + scope.jobs.length > 0) return true;
    return findCondition(scope.server.status?.conditions, 'InSync')?.status !== 'True';
  }

  /** One status patch, or none; operations and events follow what was stored. */
  async #conclude(scope: Scope): Promise<void> {
    await (scope.snapshot.value.lifecycle === 'Removing' ? this.#writeIfAccepted(scope) : this.#write(scope));
    for (const { operation, ending, findings } of concludeOperations(scope)) {
      const log = new ActLog(this.#deps, operation, scope.signal);
      for (const { name, reason, message } of findings) {
        if (reason === undefined) log.steps.succeed(name, message);
        else log.steps.fail(name, reason, message);
      }
      await log.end(ending);
    }
    for (const operation of underWay(scope)) {
      if (operation.status?.phase !== 'Running')
        await new ActLog(this.#deps, operation, scope.signal).begin(scope.server.metadata.uid);
    }
  }

  async #write(scope: Scope): Promise<void> {
    const status = statusOf(scope, this.#deps.tasks);
    const stored = await this.#deps.statusWriter.write(scope.stored, status, { signal: scope.signal });
    recordTransitions(this.#deps.events, scope.stored, stored);
    scope.stored = stored;
  }

  /** For a Server that goes: a status that the API refuses must not keep it. */
  async #writeIfAccepted(scope: Scope): Promise<void> {
    try {
      await this.#write(scope);
    } catch (error) {
      if (!isInvalid(error)) throw error;
      scope.log.warn({ error }, 'removing the Server without its status, which the API refuses');
    }
  }

  async #finalizerAdded(server: Scope['server'], signal: AbortSignal): Promise<boolean> {
    const { metadata } = server;
    if (metadata.deletionTimestamp !== undefined || metadata.finalizers?.includes(FINALIZER) === true) return false;
    const patch = {
      metadata: { finalizers: [...(metadata.finalizers ?? []), FINALIZER], resourceVersion: metadata.resourceVersion },
    };
    await this.#deps.client.patch(servers, { namespace: metadata.namespace, name: metadata.name }, patch, { signal });
    return true;
  }

  /** Deletion: the finalizer goes once the host is left as deletionPolicy says. */
  async #removed(scope: Scope): Promise<Result> {
    const { metadata } = scope.server;
    if (!scope.removed) return { requeueAfterMs: 5000 };
    const current = await this.#deps.client.find(servers, metadata, { signal: scope.signal });
    if (current?.metadata.finalizers?.includes(FINALIZER) === true) {
      const finalizers = current.metadata.finalizers.filter((one) => one !== FINALIZER);
      const patch = { metadata: { finalizers, resourceVersion: current.metadata.resourceVersion } };
      await this.#deps.client.patch(servers, metadata, patch, { signal: scope.signal });
    }
    this.#deps.pool.drain(metadata.uid);
    this.#memories.forget(metadata.uid);
    return {};
  }

  /**
   * When to look again after a run whose outcome is in the status. Failures that back off are thrown, so that the
   * queue decides; the rest is the Server's own cadence.
   */
  #nextLook(scope: Scope): Result {
    const { healthMs } = this.#deps.intervals;
    const { login, failure, memory } = scope;
    const soonMs = nextLookSoon(scope);
    if (soonMs !== undefined) return { requeueAfterMs: soonMs };
    const error = login?.outcome === 'failed' ? login.error : failure;
    if (error === undefined) return { requeueAfterMs: jittered(healthMs, 0.1) };
    switch (error.retry.kind) {
      case 'after':
        return { requeueAfterMs: Math.min(error.retry.ms, this.#deps.intervals.driftMs) };
      case 'never': // mutation stops, observation goes on
        return { requeueAfterMs: jittered(healthMs, 0.1) };
      case 'backoff':
        if (login?.outcome !== 'failed') throw error;
        return {
          requeueAfterMs: backoffMs(
            { ...UNREACHABLE_BACKOFF, capMs: healthMs },
            Math.max(0, memory.connectFailures - 1),
          ),
        };
    }
  }
}

/** Whether the bundle is another than the last run had: a user changes it as they change the spec, to have it tried. */
function isBundleChanged({ server, bundle }: Scope): boolean {
  const [before, now] = [server.status?.observedBundle, versionOf(bundle)];
  if (before === undefined || now === undefined) return false;
  return before.uid !== now.uid || before.generation !== now.generation;
}

/** Milliseconds, while something goes on on the host. */
function nextLookSoon({ login, jobs, lookAgainMs, failure }: Scope): number | undefined {
  if (login?.outcome !== 'connected' || failure !== undefined) return undefined;
  return jobs.length > 0 ? JOB_POLL_MS : lookAgainMs;
}

/** Objects from the API always are; the types cannot know. */
function isIdentified(server: Server): server is Scope['server'] {
  const { uid, namespace, generation } = server.metadata;
  return uid !== undefined && namespace !== undefined && generation !== undefined;
}
