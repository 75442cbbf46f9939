import { isJsonObject, type JsonObject } from '../codec/json.ts';
import { listAt, metaOf, textsAt } from '../registry/object.ts';
import { AGE, namesOf, type BuiltinDefinition } from './definition.ts';
import { unqualifiedFinalizers } from './fieldChecks.ts';

/** Secrets are named: what else a reference says of them is not kept, as by kube-apiserver. */
function onlySecretNames(object: JsonObject): void {
  if (!Array.isArray(object['secrets'])) return;
  object['secrets'] = listAt(object, 'secrets').map((secret) =>
    isJsonObject(secret) && typeof secret['name'] === 'string' ? { name: secret['name'] } : {},
  );
}

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
    prepareForCreate: onlySecretNames,
    prepareForUpdate: onlySecretNames,
    validate: (object) => unqualifiedFinalizers('metadata.finalizers', textsAt(metaOf(object), 'finalizers')),
  },
  token: true,
  columns: [AGE],
};
