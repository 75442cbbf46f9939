import { interactions } from './harness/interactions.ts';
import { POLICIES, policy } from './harness/policies.ts';
import { create, remove, strategicPatch, type Json } from './harness/step.ts';

const TRUE = [{ expression: 'true' }];
const expressions = (...names: string[]): object[] => names.map((name) => ({ name, expression: 'true' }));
const ofSpec = { pick: (body: Json): Json => body.spec ?? body };

interactions('policies by strategic merge', {
  'lists of named members': [
    create(
      POLICIES,
      policy({ variables: expressions('a', 'b'), matchConditions: expressions('c', 'd'), validations: TRUE }),
    ),
    strategicPatch(
      `${POLICIES}/p-{ns}`,
      {
        spec: {
          '$setElementOrder/variables': [{ name: 'a' }, { name: 'b' }],
          variables: [{ name: 'a', expression: '1 == 1' }],
          matchConditions: [{ name: 'e', expression: '2 == 2' }],
          validations: [{ expression: '3 == 3' }],
        },
      },
      ofSpec,
    ),
    strategicPatch(
      `${POLICIES}/p-{ns}`,
      {
        spec: {
          variables: [{ $patch: 'delete', name: 'b' }],
          matchConditions: [{ $patch: 'replace' }, ...expressions('f')],
        },
      },
      ofSpec,
    ),
    remove(`${POLICIES}/p-{ns}`),
  ],
  'conditions of a status': [
    create(POLICIES, policy({ validations: TRUE })),
    ...['A', 'B'].map((type) =>
      strategicPatch(
        `${POLICIES}/p-{ns}/status`,
        {
          status: {
            conditions: [
              { type, status: 'True', reason: 'Tried', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
            ],
          },
        },
        { pick: (body) => body.status?.conditions ?? body },
      ),
    ),
    remove(`${POLICIES}/p-{ns}`),
  ],
});
