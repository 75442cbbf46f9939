import { alwaysPresent, findCondition } from '../../src/api/conditions.ts';
import { reasons } from '../../src/api/reasons.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import type { ControlPlane } from './controlPlane.ts';

/**
 * What must hold for every Server at any moment; run after every e2e test.
 * @throws Error  naming all that does not hold.
 */
export async function checkInvariants(plane: ControlPlane): Promise<void> {
  const { items } = await plane.client.list(servers);
  const broken: string[] = [];
  for (const { metadata, status } of items) {
    const must = (holds: boolean, what: string) => {
      if (!holds) broken.push(`${metadata.name}: ${what}`);
    };
    const conditions = status?.conditions ?? [];
    for (const type of alwaysPresent)
      must(findCondition(conditions, type) !== undefined, `condition ${type} is missing`);
    must(new Set(conditions.map((one) => one.type)).size === conditions.length, 'a condition type stands twice');
    const is = (type: Parameters<typeof findCondition>[1]) => findCondition(conditions, type)?.status === 'True';
    must(!(is('Ready') && is('Stalled')), 'Ready and Stalled');
    must(!(is('Reconciling') && is('Stalled')), 'Reconciling and Stalled');
    must((status?.observedGeneration ?? 0) <= (metadata.generation ?? 0), 'observedGeneration > generation');
    must(
      (status?.appliedGeneration ?? 0) <= (status?.observedGeneration ?? 0),
      'appliedGeneration > observedGeneration',
    );
    for (const one of conditions) {
      must(Object.hasOwn(reasons, one.reason), `reason ${one.reason} of ${one.type} is not in the vocabulary`);
      must(one.message !== '', `${one.type} has no message`);
      must((one.observedGeneration ?? 0) <= (metadata.generation ?? 0), `${one.type} is ahead of the generation`);
      must(
        !['Reconciling', 'Stalled', 'Deleting'].includes(one.type) || one.status === 'True',
        `${one.type} is not True`,
      );
    }
  }
  if (broken.length > 0) throw new Error(broken.join('\n'));
}
