import type { JsonObject } from '../../codec/json.ts';
import { ATOMIC, byKey, flag, int32, int64, list, mapOf, MERGED_SET, object, ref, text, time } from './build.ts';

const PREFIX = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

/** Component names of meta/v1 types. */
export const META = {
  ObjectMeta: `${PREFIX}ObjectMeta`,
  ListMeta: `${PREFIX}ListMeta`,
  Status: `${PREFIX}Status`,
  DeleteOptions: `${PREFIX}DeleteOptions`,
  Condition: `${PREFIX}Condition`,
  OwnerReference: `${PREFIX}OwnerReference`,
  ManagedFieldsEntry: `${PREFIX}ManagedFieldsEntry`,
  FieldsV1: `${PREFIX}FieldsV1`,
  LabelSelector: `${PREFIX}LabelSelector`,
  LabelSelectorRequirement: `${PREFIX}LabelSelectorRequirement`,
} as const;

const ownerReference = object(
  'Names an object that this one belongs to. When all owners are gone, the garbage collector deletes the object.',
  {
    apiVersion: text('API version of the owner.'),
    kind: text('Kind of the owner.'),
    name: text('Name of the owner.'),
    uid: text('UID of the owner: a new object of the same name is not the same owner.'),
    controller: flag('True for the one owner that manages this object.'),
    blockOwnerDeletion: flag('The owner, when deleted in the foreground, waits until this object is gone.'),
  },
  { required: ['apiVersion', 'kind', 'name', 'uid'], 'x-kubernetes-map-type': 'atomic' },
);

const managedFieldsEntry = object('Which fields one manager set last, by one kind of operation and version.', {
  manager: text('Name of the manager.'),
  operation: text('Apply or Update.'),
  apiVersion: text('Version of the object that fieldsV1 belongs to.'),
  time: time('When the manager last changed one of its fields.'),
  fieldsType: text('Format of the fields; FieldsV1.'),
  fieldsV1: ref(META.FieldsV1, 'The fields, as a tree.'),
  subresource: text('Subresource the fields were written through.'),
});

const fieldsV1: JsonObject = {
  type: 'object',
  description: 'Fields as a tree: f:name, k:{keys}, v:value; `.` is the field itself.',
  'x-kubernetes-preserve-unknown-fields': true,
};

const objectMeta = object('Metadata that every stored object has.', {
  name: text('Unique within the namespace and resource. Cannot be changed.'),
  generateName: text('Prefix for a name that the server completes; used only when name is empty.'),
  namespace: text('Space in which the name is unique. Empty for cluster-wide resources. Cannot be changed.'),
  selfLink: text('Not used any more.'),
  uid: text('Unique over time and space; set by the server.'),
  resourceVersion: text(
    'Changes with every write of the object. Send it back with an update to be told when somebody else wrote in between.',
  ),
  generation: int64('Counts changes of the desired state; set by the server.'),
  creationTimestamp: time('CreationTimestamp is a timestamp that the server sets when the object is created.'),
  deletionTimestamp: time('When deletion was asked for; the object goes when its finalizers are gone.'),
  deletionGracePeriodSeconds: int64('Seconds the object has to end in good order.'),
  labels: mapOf('Keys and values to select objects by.', { type: 'string', default: '' }),
  annotations: mapOf('Keys and values that tools keep with the object; not selectable.', {
    type: 'string',
    default: '',
  }),
  ownerReferences: list('Objects this one belongs to.', ref(META.OwnerReference), byKey('uid')),
  finalizers: list(
    'Names of those who must act before the object goes; each removes its own.',
    { type: 'string' },
    MERGED_SET,
  ),
  managedFields: list('Who set which field; kept by the server.', ref(META.ManagedFieldsEntry), ATOMIC),
});

const listMeta = object('Metadata of a list.', {
  selfLink: text('Not used any more.'),
  resourceVersion: text('The version that the whole list shows; a watch can begin there.'),
  continue: text('Token to ask for the next page with; empty on the last one.'),
  remainingItemCount: int64('How many items follow this page, when that is known.'),
});

const statusCause = object('One reason among several, usually one field.', {
  reason: text('Machine-readable reason.'),
  message: text('For people.'),
  field: text('Path of the field.'),
});

const status = object('The outcome of a request that returns no object.', {
  apiVersion: text('v1'),
  kind: text('Status'),
  metadata: ref(META.ListMeta, 'Metadata of a list.'),
  status: text('Success or Failure.'),
  message: text('For people.'),
  reason: text('Machine-readable reason of a failure.'),
  details: object('More about the reason.', {
    name: text('Name of the object.'),
    group: text('Group of the object.'),
    kind: text('Resource or kind of the object.'),
    uid: text('UID of the object.'),
    causes: list('Single reasons.', statusCause, ATOMIC),
    retryAfterSeconds: int32('Seconds to wait before trying again.'),
  }),
  code: int32('HTTP status code.'),
});

const deleteOptions = object('How to delete.', {
  apiVersion: text('Version of this object.'),
  kind: text('DeleteOptions'),
  dryRun: list('All: everything but the deletion itself.', { type: 'string' }, ATOMIC),
  gracePeriodSeconds: int64('Seconds the object has to end in good order.'),
  orphanDependents: flag('Deprecated; use propagationPolicy.'),
  propagationPolicy: text('What happens to objects that this one owns: Background, Foreground or Orphan.'),
  preconditions: object('Delete only if these hold.', {
    uid: text('The object has this UID.'),
    resourceVersion: text('The object has this resourceVersion.'),
  }),
  ignoreStoreReadErrorWithClusterBreakingPotential: flag('Not supported.'),
});

const condition = object(
  'One aspect of the state of an object.',
  {
    type: text('Name of the aspect, CamelCase.'),
    status: text('True, False or Unknown.'),
    observedGeneration: int64('The generation that the condition was set for.'),
    lastTransitionTime: time('When status last changed.'),
    reason: text('Why, one CamelCase word.'),
    message: text('Why, for people.'),
  },
  { required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'] },
);

const labelSelectorRequirement = object(
  'What one label must be like.',
  {
    key: text('Key of the label.'),
    operator: text('In, NotIn, Exists or DoesNotExist.'),
    values: list('Values for In and NotIn.', { type: 'string' }, ATOMIC),
  },
  { required: ['key', 'operator'] },
);

const labelSelector = object(
  'Objects by their labels: all that is given must hold. An empty selector selects everything.',
  {
    matchLabels: mapOf('Labels with these very values.', { type: 'string' }),
    matchExpressions: list('Further requirements.', ref(META.LabelSelectorRequirement), ATOMIC),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

/** Components that documents of every group use. */
export const metaComponents: Readonly<Record<string, JsonObject>> = {
  [META.ObjectMeta]: objectMeta,
  [META.ListMeta]: listMeta,
  [META.Status]: status,
  [META.DeleteOptions]: deleteOptions,
  [META.Condition]: condition,
  [META.OwnerReference]: ownerReference,
  [META.ManagedFieldsEntry]: managedFieldsEntry,
  [META.FieldsV1]: fieldsV1,
  [META.LabelSelector]: labelSelector,
  [META.LabelSelectorRequirement]: labelSelectorRequirement,
};

const CONVENTIONS = 'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md';
/** Of every kind, in the words that `kubectl explain` shows everywhere. */
export const STANDARD_METADATA = `Standard object's metadata. More info: ${CONVENTIONS}#metadata`;

/** The members every kind begins with. */
export const typeMeta = {
  apiVersion: text(
    `APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: ${CONVENTIONS}#resources`,
  ),
  kind: text(
    `Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: ${CONVENTIONS}#types-kinds`,
  ),
} as const;

/** As {@link typeMeta}, of an object inside of another. */
export const embeddedTypeMeta = {
  apiVersion: text(
    `apiVersion defines the versioned schema of this representation of an object. More info: ${CONVENTIONS}#resources`,
  ),
  kind: text(
    `kind is a string value representing the type of this object. In CamelCase. More info: ${CONVENTIONS}#types-kinds`,
  ),
} as const;

/** A whole kind: type, metadata and `members`. */
export function kindSchema(
  description: string,
  members: Record<string, JsonObject>,
  extra: JsonObject = {},
): JsonObject {
  return object(description, { ...typeMeta, metadata: ref(META.ObjectMeta, STANDARD_METADATA), ...members }, extra);
}
