import { configMapPolicy } from '../../support/admissionPolicy.ts';
import { create, type Json, type Step } from './step.ts';

export const POLICIES = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
export const BINDINGS = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings';
/** Both are cluster-wide: named by the case, and for its namespace alone. */
const HERE = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': '{ns}' } } };

/** About ConfigMaps, by the name that {@link binding} binds. */
export const policy = (spec: object, name = 'p-{ns}'): Json => configMapPolicy(name, spec);
/** Binds the policy to the namespace of the case. */
export const binding = (spec: object = {}): Json => ({
  metadata: { name: 'p-{ns}' },
  spec: { policyName: 'p-{ns}', validationActions: ['Deny'], matchResources: HERE, ...spec },
});
/** Steps that put a policy in force; `refused` is a ConfigMap that shows that it is. */
export const enforce = (spec: object, refused: Json, bound: object = {}): Step[] => [
  create(POLICIES, policy(spec)),
  create(BINDINGS, binding(bound)),
  create('configmaps?dryRun=All', refused, { until: ({ code }) => code !== 201 }),
];
