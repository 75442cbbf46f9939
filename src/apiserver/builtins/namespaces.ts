import type { JsonObject } from '../codec/json.ts';
import type { FieldError } from '../schema/fieldErrors.ts';
import { copyMember, listAt, metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import type { Strategy } from '../registry/resource.ts';
import { AGE, namesOf, type BuiltinDefinition } from './definition.ts';
import { invalidValue } from './fieldChecks.ts';

/** Namespaces that are always there. */
export const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public'] as const;

const FINALIZER = 'kubernetes';
const NAME_LABEL = 'kubernetes.io/metadata.name';

const strategy: Strategy = {
  nameRule: 'DNS1123Label',
  allowUnconditionalUpdate: true,
  tracksGeneration: false,
  statusWritesMetadata: true,
  prepareForCreate(object) {
    const spec = objectAt(object, 'spec') ?? {};
    const finalizers = textsAt(spec, 'finalizers');
    object['spec'] = { ...spec, finalizers: finalizers.includes(FINALIZER) ? finalizers : [...finalizers, FINALIZER] };
    object['status'] = { phase: 'Active' };
  },
  prepareForUpdate(object, old) {
    // finalizers are changed through /finalize only
    const spec = objectAt(object, 'spec') ?? {};
    copyMember(objectAt(old, 'spec') ?? {}, spec, 'finalizers');
    object['spec'] = spec;
  },
  validate: nameLabel,
  prepareForDelete(object) {
    object['status'] = { ...objectAt(object, 'status'), phase: 'Terminating' };
  },
  heldBy: (object) => listAt(objectAt(object, 'spec'), 'finalizers').length > 0,
  undeletable: (name) =>
    SYSTEM_NAMESPACES.some((one) => one === name) ? 'this namespace may not be deleted' : undefined,
};

/** Every namespace carries its name as a label, so that selectors can name it. */
function nameLabel(object: JsonObject): FieldError[] {
  const meta = metaOf(object);
  const name = textAt(meta, 'name');
  const labels = objectAt(object['metadata'], 'labels') ?? {};
  const said = labels[NAME_LABEL];
  if (said === undefined) {
    meta['labels'] = { ...labels, [NAME_LABEL]: name };
    return [];
  }
  return said === name
    ? []
    : [invalidValue(`metadata.labels[${NAME_LABEL}]`, said, `must be the name of the namespace, "${name}"`)];
}

/** core/v1 Namespace. */
export const namespaces: BuiltinDefinition = {
  group: '',
  version: 'v1',
  names: namesOf('Namespace', 'namespaces', ['ns']),
  namespaced: false,
  component: 'io.k8s.api.core.v1.Namespace',
  strategy,
  status: true,
  finalize: true,
  selectableFields: (object) => ({ 'status.phase': textAt(objectAt(object, 'status'), 'phase') }),
  columns: [
    {
      name: 'Status',
      type: 'string',
      description: 'Active, or Terminating while it is being emptied.',
      jsonPath: '.status.phase',
    },
    AGE,
  ],
};
