import { AGE, namesOf, type BuiltinDefinition } from './definition.ts';

/**
 * core/v1 Service, to be looked at: there is none, as nothing runs here that one could lead to, but `kubectl
 * cluster-info` says nothing of the control plane where the kind is unknown.
 */
export const services: BuiltinDefinition = {
  group: '',
  version: 'v1',
  names: { ...namesOf('Service', 'services', ['svc']), categories: ['all'] },
  namespaced: true,
  component: 'io.k8s.api.core.v1.Service',
  strategy: { nameRule: 'DNS1123Subdomain', allowUnconditionalUpdate: true, tracksGeneration: false },
  columns: [
    { name: 'Type', type: 'string', description: 'How it is reached.', jsonPath: '.spec.type' },
    { name: 'Cluster-IP', type: 'string', description: 'Its address.', jsonPath: '.spec.clusterIP' },
    AGE,
  ],
  verbs: ['get', 'list', 'watch'],
};
