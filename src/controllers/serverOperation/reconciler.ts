import { setCondition } from '../../api/conditions.ts';
import type { Reason } from '../../api/reasons.ts';
import type { Server } from '../../api/server.ts';
import {
  deadlineOf,
  isFor,
  type OperationPhase,
  type ServerOperation,
  type ServerOperationStatus,
} from '../../api/serverOperation.ts';
import type { EventRecorder } from '../../kube/eventRecorder.ts';
import type { Lister } from '../../kube/informer.ts';
import type { Reconciler, Request, Result } from '../../kube/reconciler.ts';
import type { StatusWriter } from '../../kube/statusWriter.ts';
import { toTime, type Clock } from '../../lib/clock.ts';

const RUNNING_LOOK_MS = 60_000;

/** What the ServerOperation controller works with. */
export interface ServerOperationDeps {
  operations: Lister<ServerOperation>;
  servers: Lister<Server>;
  operationStatus: StatusWriter<ServerOperation>;
  events: EventRecorder;
  clock: Clock;
}

/**
 * Ages and cancels operations; it never acts. What an operation asks for is done by the reconcile of its Server,
 * which alone touches the host.
 */
export class ServerOperationReconciler implements Reconciler {
  readonly #deps: ServerOperationDeps;

  constructor(deps: ServerOperationDeps) {
    this.#deps = deps;
  }

  async reconcile(request: Request, signal: AbortSignal): Promise<Result> {
    const cached = this.#deps.operations.get(request);
    if (cached === undefined || cached.metadata.deletionTimestamp !== undefined) return {};
    const operation = this.#deps.operationStatus.latest(cached);
    const phase = operation.status?.phase ?? 'Pending';
    if (phase === 'Running') return this.#watchRunning(operation, signal);
    if (phase !== 'Pending') return {};
    if (operation.spec.cancel === true) {
      await this.#write(
        operation,
        ended('Cancelled', 'OperationCancelled', 'spec.cancel was set before it began'),
        signal,
      );
      return {};
    }
    const { at, seconds } = deadlineOf(operation);
    const leftMs = at - this.#deps.clock.now();
    if (leftMs <= 0) {
      await this.#write(operation, ended('Failed', 'OperationExpired', this.#whyExpired(operation)), signal);
      return {};
    }
    await this.#write(
      operation,
      { phase: 'Pending', reason: 'OperationPending', message: this.#whyPending(operation) },
      signal,
    );
    return { requeueAfterMs: Math.min(leftMs, seconds * 1000) };
  }

  /** What runs is the business of its Server, unless that is gone. */
  async #watchRunning(operation: ServerOperation, signal: AbortSignal): Promise<Result> {
    const server = this.#server(operation);
    if (server !== undefined && isFor(operation, server.metadata.uid)) return { requeueAfterMs: RUNNING_LOOK_MS };
    const message = `Server ${operation.spec.serverRef.name} was deleted while it ran`;
    await this.#write(operation, ended('Failed', 'DependencyNotReady', message), signal);
    return {};
  }

  #server({ metadata, spec }: ServerOperation): Server | undefined {
    return this.#deps.servers.get({ namespace: metadata.namespace, name: spec.serverRef.name });
  }

  #whyPending(operation: ServerOperation): string {
    return this.#server(operation) === undefined
      ? `Server ${operation.spec.serverRef.name} does not exist in this namespace`
      : 'waits for the next run of the Server';
  }

  #whyExpired(operation: ServerOperation): string {
    return `it could not begin within ${deadlineOf(operation).seconds} s: ${this.#whyPending(operation)}. Create another one, with a larger deadlineSeconds if the host is away`;
  }

  async #write(operation: ServerOperation, outcome: Outcome, signal: AbortSignal): Promise<void> {
    const now = toTime(this.#deps.clock.now());
    const conditions = structuredClone(operation.status?.conditions ?? []);
    const verdict = { status: 'False' as const, reason: outcome.reason, message: outcome.message };
    setCondition(conditions, 'Ready', verdict, { now, generation: operation.metadata.generation ?? 1 });
    const status: ServerOperationStatus = {
      ...operation.status,
      phase: outcome.phase,
      message: outcome.message,
      conditions,
      ...(outcome.phase !== 'Pending' && { completionTime: now }),
    };
    const before = operation.status?.phase;
    await this.#deps.operationStatus.write(operation, status, { precondition: 'resourceVersion', signal });
    if (outcome.phase === 'Pending' || before === outcome.phase) return;
    this.#deps.events.record(operation, { type: 'Warning', reason: outcome.reason, message: outcome.message });
  }
}

interface Outcome {
  phase: OperationPhase;
  reason: Reason;
  message: string;
}

function ended(phase: OperationPhase, reason: Reason, message: string): Outcome {
  return { phase, reason, message };
}
