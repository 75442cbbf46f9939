import { listAt } from '../registry/object.ts';
import { AGE, namesOf, type BuiltinDefinition } from './definition.ts';

/** core/v1 ServiceAccount. */
export const serviceAccounts: BuiltinDefinition = {
  group: '',
  version: 'v1',
  names: namesOf('ServiceAccount', 'serviceaccounts', ['sa']),
  namespaced: true,
  component: 'io.k8s.api.core.v1.ServiceAccount',
  strategy: { nameRule: 'DNS1123Subdomain', allowUnconditionalUpdate: true, tracksGeneration: false },
  columns: [
    {
      name: 'Secrets',
      type: 'string',
      description: 'Number of secrets.',
      cell: (object) => String(listAt(object, 'secrets').length),
    },
    AGE,
  ],
};
