import { BOOL, DYN, INT, listOf, mapOf, STRING, structOf, TIMESTAMP, type CelType } from '../types/type.ts';

const struct = (name: string, fields: Readonly<Record<string, CelType>>): CelType =>
  structOf(`kubernetes.${name}`, new Map(Object.entries(fields)));
const texts = (...names: string[]): Record<string, CelType> => Object.fromEntries(names.map((name) => [name, STRING]));

const TEXT_LIST = listOf(STRING);
const TEXT_MAP = mapOf(STRING, STRING);
const KIND = struct('GroupVersionKind', texts('group', 'version', 'kind'));
const RESOURCE = struct('GroupVersionResource', texts('group', 'version', 'resource'));

/** Type of the variable `request`. Source of both: k8s.io/apiserver pkg/admission/plugin/cel/compile.go (v0.35). */
export const REQUEST = struct('AdmissionRequest', {
  kind: KIND,
  resource: RESOURCE,
  requestKind: KIND,
  requestResource: RESOURCE,
  ...texts('subResource', 'requestSubResource', 'name', 'namespace', 'operation'),
  userInfo: struct('UserInfo', {
    ...texts('username', 'uid'),
    groups: TEXT_LIST,
    extra: mapOf(STRING, TEXT_LIST),
  }),
  dryRun: BOOL,
  options: DYN,
});

/** Type of the variable `namespaceObject`. */
export const NAMESPACE = struct('Namespace', {
  metadata: struct('NamespaceMetadata', {
    // UID is how Kubernetes declares it, so that expressions cannot read what is there as uid
    ...texts('name', 'generateName', 'namespace', 'UID', 'resourceVersion'),
    labels: TEXT_MAP,
    annotations: TEXT_MAP,
    creationTimestamp: TIMESTAMP,
    deletionTimestamp: TIMESTAMP,
    deletionGracePeriodSeconds: INT,
    generation: INT,
    finalizers: TEXT_LIST,
  }),
  spec: struct('NamespaceSpec', { finalizers: TEXT_LIST }),
  status: struct('NamespaceStatus', {
    conditions: listOf(
      struct('NamespaceCondition', {
        ...texts('type', 'status', 'reason', 'message'),
        lastTransitionTime: TIMESTAMP,
      }),
    ),
    phase: STRING,
  }),
});
