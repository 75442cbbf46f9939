import { isJsonObject, type JsonObject } from '../codec/json.ts';
import { defaultCustomResourceDefinition, validateCustomResourceDefinition } from '../schema/crd.ts';
import { listAt, metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import type { Strategy } from '../registry/resource.ts';
import { setCondition } from './conditions.ts';
import { namesOf, type BuiltinDefinition } from './definition.ts';

/** Holds a definition until its objects are gone. */
export const CRD_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

const strategy: Strategy = {
  nameRule: 'DNS1123Subdomain',
  allowUnconditionalUpdate: false,
  tracksGeneration: true,
  prepareForCreate(object) {
    defaultCustomResourceDefinition(object);
    object['status'] = {
      conditions: [],
      acceptedNames: { plural: '', kind: '' },
      storedVersions: storageVersions(object),
    };
  },
  prepareForUpdate(object) {
    defaultCustomResourceDefinition(object);
    const status = objectAt(object, 'status') ?? {};
    object['status'] = {
      ...status,
      storedVersions: [...new Set([...textsAt(status, 'storedVersions'), ...storageVersions(object)])],
    };
  },
  validate: (object, old) => validateCustomResourceDefinition(object, old).errors,
  prepareForDelete(object) {
    const meta = metaOf(object);
    const finalizers = textsAt(meta, 'finalizers');
    if (!finalizers.includes(CRD_FINALIZER)) meta['finalizers'] = [...finalizers, CRD_FINALIZER];
    setCondition(object, {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionPending',
      message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    });
  },
};

function storageVersions(object: JsonObject): string[] {
  return listAt(objectAt(object, 'spec'), 'versions')
    .filter((version) => isJsonObject(version) && version['storage'] === true)
    .map((version) => textAt(version, 'name'));
}

/** apiextensions.k8s.io/v1 CustomResourceDefinition. */
export const customResourceDefinitions: BuiltinDefinition = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  names: {
    ...namesOf('CustomResourceDefinition', 'customresourcedefinitions', ['crd', 'crds']),
    categories: ['api-extensions'],
  },
  namespaced: false,
  component: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  strategy,
  status: true,
  columns: [
    {
      name: 'Created At',
      type: 'string',
      description: 'When the definition was created.',
      cell: (object) => textAt(metaOf(object), 'creationTimestamp'),
    },
  ],
};
