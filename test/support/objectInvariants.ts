import { alwaysPresent, findCondition, type Condition } from '../../src/api/conditions.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { reasons } from '../../src/api/reasons.ts';
import type { Server } from '../../src/api/server.ts';
import { isFinalPhase, type ServerOperation } from '../../src/api/serverOperation.ts';

const MAX_SKEW_MS = 1000;

/** Collects what does not hold of one object. */
export function listOf({ metadata }: KubeObject): { broken: string[]; must: (holds: boolean, what: string) => void } {
  const broken: string[] = [];
  return {
    broken,
    must: (holds, what) => {
      if (!holds) broken.push(`${metadata.name}: ${what}`);
    },
  };
}

/** What does not hold of a Server. @param now  Milliseconds since the epoch. */
export function brokenInServer(server: Server, now = Date.now()): string[] {
  const { metadata, status } = server;
  const { broken, must } = listOf(server);
  // no controller has seen it
  if (status === undefined || status.observedGeneration === -1) return broken;
  const conditions = status.conditions ?? [];
  for (const type of alwaysPresent) must(findCondition(conditions, type) !== undefined, `condition ${type} is missing`);
  const is = (type: Parameters<typeof findCondition>[1]) => findCondition(conditions, type)?.status === 'True';
  must(!(is('Ready') && is('Stalled')), 'Ready and Stalled');
  must(!(is('Reconciling') && is('Stalled')), 'Reconciling and Stalled');
  for (const type of ['Reachable', 'HostKeyVerified', 'Authenticated'] as const)
    must(is(type) || !is('Ready'), `Ready, but not ${type}`);
  must((status.observedGeneration ?? 0) <= (metadata.generation ?? 0), 'observedGeneration > generation');
  must((status.appliedGeneration ?? 0) <= (status.observedGeneration ?? 0), 'appliedGeneration > observedGeneration');
  must((status.jobs?.length ?? 0) <= 1, 'more than one job at once');
  const atRest = is('Ready') && !is('Reconciling') && (status.jobs ?? []).length === 0;
  const unfinished = (status.provisioning?.steps ?? []).filter(({ state }) => state === 'Running');
  must(!atRest || unfinished.length === 0, `it is at rest, and step ${unfinished[0]?.name ?? ''} runs`);
  for (const one of conditions)
    must(
      !['Reconciling', 'Stalled', 'Deleting'].includes(one.type) || one.status === 'True',
      `${one.type} is not True`,
    );
  return [...broken, ...brokenConditions(server, conditions, now)];
}

/** What does not hold of a ServerOperation. */
export function brokenInOperation(operation: ServerOperation, now = Date.now()): string[] {
  const { status } = operation;
  const { broken, must } = listOf(operation);
  const isOver = isFinalPhase(status?.phase);
  must(isOver === (status?.completionTime !== undefined), `phase ${status?.phase ?? 'none'} beside completionTime`);
  const unfinished = (status?.steps ?? []).filter(({ state }) => state === 'Running');
  must(!isOver || unfinished.length === 0, `it is over, and a step runs: ${unfinished.map((one) => one.name).join()}`);
  return [...broken, ...brokenConditions(operation, status?.conditions ?? [], now)];
}

/** What does not hold of conditions, whatever they are of. */
export function brokenConditions(object: KubeObject, conditions: readonly Condition[], now = Date.now()): string[] {
  const { broken, must } = listOf(object);
  must(new Set(conditions.map((one) => one.type)).size === conditions.length, 'a condition type stands twice');
  for (const { type, reason, message, lastTransitionTime, observedGeneration = 0 } of conditions) {
    must(Object.hasOwn(reasons, reason), `reason ${reason} of ${type} is not in the vocabulary`);
    must(reason !== 'InternalError', `${type} tells of a bug: ${message}`);
    must(message !== '', `${type} has no message`);
    must(!/undefined|\[object|NaN/.test(message), `${type} has a hole in its message: ${message}`);
    must(Date.parse(lastTransitionTime) <= now + MAX_SKEW_MS, `${type} changed in the future`);
    must(observedGeneration <= (object.metadata.generation ?? 0), `${type} is ahead of the generation`);
  }
  return broken;
}
