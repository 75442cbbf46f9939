import { findCondition } from '../../src/api/conditions.ts';
import { API_VERSION } from '../../src/api/meta.ts';
import type { Reason } from '../../src/api/reasons.ts';
import { isFinalPhase } from '../../src/api/serverOperation.ts';
import { serverOperations, servers } from '../../src/kube/hostlerResources.ts';
import type { ControlPlane } from '../support/controlPlane.ts';

/**
 * With these a Server waits longer than a test: for an hour after three first logins whose end is not known, for a
 * person after five failed attempts.
 */
const waiting: readonly (Reason | undefined)[] = ['AttemptsPaused', 'OutOfAttempts'];

/** Does what the messages of Servers that wait for a person say: asks them to try again. Returns whom it asked. */
export async function pressOn({ client }: ControlPlane): Promise<string[]> {
  const { items } = await client.list(servers);
  const asked: string[] = [];
  for (const { metadata, status } of items) {
    const reasons = (['Authenticated', 'Stalled'] as const).map(
      (type) => findCondition(status?.conditions, type)?.reason,
    );
    if (!reasons.some((reason) => waiting.includes(reason as Reason))) continue;
    const operations = await client.list(serverOperations);
    const mine = operations.items.filter(({ spec }) => spec.type === 'Retry' && spec.serverRef.name === metadata.name);
    if (mine.some((one) => !isFinalPhase(one.status?.phase))) continue;
    await client.create(serverOperations, {
      apiVersion: API_VERSION,
      kind: 'ServerOperation',
      metadata: { generateName: 'retry-', name: '', namespace: 'default' },
      spec: { serverRef: { name: metadata.name }, type: 'Retry' },
    });
    asked.push(metadata.name);
  }
  return asked;
}
