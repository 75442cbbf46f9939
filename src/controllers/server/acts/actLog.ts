import { setCondition } from '../../../api/conditions.ts';
import type { Step } from '../../../api/serverStatus.ts';
import type { ServerOperation, ServerOperationStatus } from '../../../api/serverOperation.ts';
import type { EventRecorder } from '../../../kube/eventRecorder.ts';
import type { StatusWriter } from '../../../kube/statusWriter.ts';
import { toTime, type Clock } from '../../../lib/clock.ts';
import { redactor } from '../../../lib/redaction.ts';
import { clip } from '../clip.ts';
import { StepLog } from '../steps.ts';
import type { Ending } from './act.ts';

const MESSAGE_MAX = 2048;

/** What keeps the books of operations. */
export interface ActLogDeps {
  operationStatus: StatusWriter<ServerOperation>;
  events: EventRecorder;
  clock: Clock;
}

/** The status of one operation during a run; `write` resolves once the API acknowledged it. */
export class ActLog {
  readonly #deps: ActLogDeps;
  readonly #signal: AbortSignal;
  readonly #operation: ServerOperation;
  readonly #steps: Step[];
  status: ServerOperationStatus;

  constructor(deps: ActLogDeps, operation: ServerOperation, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
    this.#operation = operation;
    this.status = structuredClone(deps.operationStatus.latest(operation).status ?? {});
    this.#steps = this.status.steps ?? [];
  }

  get steps(): StepLog {
    return new StepLog(this.#steps, () => this.#deps.clock.now());
  }

  /** Milliseconds since the operation began. */
  get runningMs(): number {
    return this.#deps.clock.now() - Date.parse(this.status.startTime ?? toTime(this.#deps.clock.now()));
  }

  /** Milliseconds since that step ended; undefined: it did not. */
  sinceMs(step: string): number | undefined {
    const time = this.#steps.find(({ name }) => name === step)?.completionTime;
    return time === undefined ? undefined : this.#deps.clock.now() - Date.parse(time);
  }

  async begin(serverUID: string): Promise<void> {
    this.status = { ...this.status, phase: 'Running', startTime: toTime(this.#deps.clock.now()), serverUID };
    await this.note('it is under way');
  }

  /** Writes what stands in {@link status} and the steps, with a message for a person. */
  async note(message: string): Promise<void> {
    this.#say({ status: 'Unknown', reason: 'OperationRunning', message });
    await this.#write();
  }

  async end(ending: Ending): Promise<void> {
    const { phase, reason } = ending;
    const message = clip(redactor.redact(ending.message), MESSAGE_MAX);
    const time = toTime(this.#deps.clock.now());
    const status = phase === 'Succeeded' ? 'True' : 'False';
    for (const step of this.#steps) {
      if (phase !== 'Succeeded' && step.state === 'Running') this.steps.fail(step.name, reason, message);
    }
    this.#say({ status, reason, message });
    this.status = { ...this.status, phase, startTime: this.status.startTime ?? time, completionTime: time };
    await this.#write();
    const type = phase === 'Succeeded' ? 'Normal' : 'Warning';
    this.#deps.events.record(this.#operation, { type, reason, message });
  }

  #say(verdict: Parameters<typeof setCondition>[2]): void {
    const conditions = structuredClone(this.status.conditions ?? []);
    const generation = this.#operation.metadata.generation ?? 1;
    setCondition(conditions, 'Ready', verdict, { now: toTime(this.#deps.clock.now()), generation });
    this.status = { ...this.status, conditions, message: clip(verdict.message, MESSAGE_MAX) };
  }

  async #write(): Promise<void> {
    const status = { ...this.status, ...(this.#steps.length > 0 && { steps: this.#steps }) };
    await this.#deps.operationStatus.write(this.#operation, structuredClone(status), { signal: this.#signal });
  }
}
