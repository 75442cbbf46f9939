import { metaOf, textsAt } from '../registry/object.ts';
import { AGE, namesOf, type BuiltinDefinition } from './definition.ts';
import { unqualifiedFinalizers } from './fieldChecks.ts';

/** core/v1 ServiceAccount. */
export const serviceAccounts: BuiltinDefinition = {
  group: '',
  version: 'v1',
  names: namesOf('ServiceAccount', 'serviceaccounts', ['sa']),
  namespaced: true,
  component: 'io.k8s.api.core.v1.ServiceAccount',
  strategy: {
    nameRule: 'DNS1123Subdomain',
    allowUnconditionalUpdate: true,
    tracksGeneration: false,
    showsDeleted: true,
    validate: (object) => unqualifiedFinalizers('metadata.finalizers', textsAt(metaOf(object), 'finalizers')),
  },
  token: true,
  columns: [AGE],
};
