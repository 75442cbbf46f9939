import type { JsonObject } from '../../codec/json.ts';
import { ATOMIC, byKey, flag, int32, list, mapOf, object, ref, text, time } from './build.ts';
import { kindSchema } from './meta.ts';

const PREFIX = 'io.k8s.api.core.v1.';

const namespaceCondition = object(
  'One aspect of the state of a namespace.',
  {
    type: text('Name of the aspect.'),
    status: text('True, False or Unknown.'),
    lastTransitionTime: time('When status last changed.'),
    reason: text('Why, one CamelCase word.'),
    message: text('Why, for people.'),
  },
  { required: ['type', 'status'] },
);

const namespace = kindSchema('A space for names: objects in different namespaces may have the same name.', {
  spec: object('How the namespace shall be.', {
    finalizers: list('Who must act before the namespace goes; `kubernetes` empties it.', { type: 'string' }, ATOMIC),
  }),
  status: object('How the namespace is.', {
    phase: text('Active, or Terminating while it is being emptied.'),
    conditions: list('What stands against its end.', namespaceCondition, byKey('type')),
  }),
});

const secret = kindSchema(
  'Holds secret data, such as passwords and keys. All values together may have 1 MiB. Stored encrypted.',
  {
    data: mapOf('Values by key, base64. Keys consist of letters, digits, `-`, `_` and `.`.', {
      type: 'string',
      format: 'byte',
    }),
    stringData: mapOf('Values as plain text: written over data, never returned.', { type: 'string' }),
    type: text('What the data is for, and which keys it must have. Default Opaque. Cannot be changed.', {
      default: 'Opaque',
    }),
    immutable: flag('True: data cannot be changed any more, nor can this field.'),
  },
);

const configMap = kindSchema('Holds configuration that is not secret. All values together may have 1 MiB.', {
  data: mapOf('Text by key. Keys consist of letters, digits, `-`, `_` and `.`.', { type: 'string' }),
  binaryData: mapOf('Bytes by key, base64. A key may not be in data, too.', { type: 'string', format: 'byte' }),
  immutable: flag('True: data cannot be changed any more, nor can this field.'),
});

const service = kindSchema('Leads to what runs on a cluster. Nothing runs here: there is none, and none can be made.', {
  spec: object('How it is reached.', { type: text('How it is reached.'), clusterIP: text('Its address.') }),
});

const objectReference = object(
  'Names another object.',
  {
    kind: text('Kind of the object.'),
    namespace: text('Namespace of the object.'),
    name: text('Name of the object.'),
    uid: text('UID of the object.'),
    apiVersion: text('API version of the object.'),
    resourceVersion: text('The version of the object that is meant.'),
    fieldPath: text('The part of the object that is meant.'),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

const localObjectReference = object(
  'Names an object in the same namespace.',
  { name: text('Name of the object.', { default: '' }) },
  { 'x-kubernetes-map-type': 'atomic' },
);

const serviceAccount = kindSchema('An identity for programs.', {
  secrets: list('Secrets that programs of this account may use.', ref(`${PREFIX}ObjectReference`), byKey('name')),
  imagePullSecrets: list('Secrets for pulling images.', ref(`${PREFIX}LocalObjectReference`), ATOMIC),
  automountServiceAccountToken: flag('Whether programs are given a token of this account.'),
});

const eventSource = object('Who reports an event.', {
  component: text('Component that reports.'),
  host: text('Node that reports.'),
});

const event = kindSchema(
  'Something happened. Events are a help for people, kept for one hour; nothing should depend on them.',
  {
    involvedObject: ref(`${PREFIX}ObjectReference`, 'The object this event is about.'),
    reason: text('Why, one CamelCase word.'),
    message: text('What happened, for people.'),
    source: ref(`${PREFIX}EventSource`, 'Who reports.'),
    firstTimestamp: time('When it was first seen.'),
    lastTimestamp: time('When it was last seen.'),
    count: int32('How often it was seen.'),
    type: text('Normal or Warning; others may follow.'),
    eventTime: time('When it was first seen, with microseconds.'),
    series: object('A run of equal events.', {
      count: int32('How many so far.'),
      lastObservedTime: time('When the last one was seen.'),
    }),
    action: text('What was done about the object.'),
    related: ref(`${PREFIX}ObjectReference`, 'Another object with a part in it.'),
    reportingComponent: text('Controller that reports, such as `kubernetes.io/kubelet`.', { default: '' }),
    reportingInstance: text('Instance of the controller.', { default: '' }),
  },
  { required: ['involvedObject'] },
);

/** Components of the core group, version v1. */
export const coreComponents: Readonly<Record<string, JsonObject>> = {
  [`${PREFIX}Namespace`]: namespace,
  [`${PREFIX}Secret`]: secret,
  [`${PREFIX}ConfigMap`]: configMap,
  [`${PREFIX}ServiceAccount`]: serviceAccount,
  [`${PREFIX}Service`]: service,
  [`${PREFIX}Event`]: event,
  [`${PREFIX}ObjectReference`]: objectReference,
  [`${PREFIX}LocalObjectReference`]: localObjectReference,
  [`${PREFIX}EventSource`]: eventSource,
};
