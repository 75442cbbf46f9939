import type { JsonObject } from '../codec/json.ts';
import type { FieldError } from '../schema/fieldErrors.ts';
import { copyMember, isDeleting, listAt, metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import { checkQualifiedName } from '../schema/names.ts';
import type { Strategy } from '../registry/resource.ts';
import { AGE, namesOf, type BuiltinDefinition } from './definition.ts';
import { invalidValue, unqualifiedFinalizers } from './fieldChecks.ts';

/** Namespaces that are always there. */
const IMMORTAL: readonly string[] = ['default', 'kube-system', 'kube-public'];
/** Namespaces that are there from the beginning. */
export const SYSTEM_NAMESPACES: readonly string[] = [...IMMORTAL, 'kube-node-lease'];

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
    labelName(object);
  },
  prepareForUpdate(object, old) {
    // finalizers are changed through /finalize only
    const spec = objectAt(object, 'spec') ?? {};
    copyMember(objectAt(old, 'spec') ?? {}, spec, 'finalizers');
    object['spec'] = spec;
    labelName(object);
  },
  validate: (object) => [...phaseErrors(object), ...finalizerErrors(object)],
  prepareForDelete(object) {
    object['status'] = { ...objectAt(object, 'status'), phase: 'Terminating' };
  },
  heldBy: (object) => listAt(objectAt(object, 'spec'), 'finalizers').length > 0,
  undeletable: (name) => (IMMORTAL.includes(name) ? 'this namespace may not be deleted' : undefined),
};

/** Every namespace carries its name as a label, whatever was sent, so that selectors can name it. */
function labelName(object: JsonObject): void {
  const meta = metaOf(object);
  meta['labels'] = { ...objectAt(meta, 'labels'), [NAME_LABEL]: textAt(meta, 'name') };
}

function phaseErrors(object: JsonObject): FieldError[] {
  const phase = textAt(objectAt(object, 'status'), 'phase');
  const [wanted, when] = isDeleting(object) ? ['Terminating', 'is not empty'] : ['Active', 'is empty'];
  const detail = `may only be '${wanted}' if \`deletionTimestamp\` ${when}`;
  return phase === wanted ? [] : [invalidValue('status.Phase', phase, detail)];
}

function finalizerErrors(object: JsonObject): FieldError[] {
  const names = textsAt(objectAt(object, 'spec'), 'finalizers');
  const field = 'spec.finalizers';
  return [
    ...names.flatMap((name) => checkQualifiedName(name).map((text) => invalidValue(field, name, text))),
    ...unqualifiedFinalizers(field, names),
    ...unqualifiedFinalizers('metadata.finalizers', textsAt(metaOf(object), 'finalizers')),
  ];
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
  // all at once cannot be deleted
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
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
