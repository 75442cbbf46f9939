import { interactions } from './harness/interactions.ts';
import { configMap, create, get, mergePatch, remove, replace, type Step } from './harness/step.ts';

const inside = '/api/v1/namespaces/{ns}';
const LABEL = { metadata: { labels: { a: 'b' } } };
const NAMESPACE = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: '{ns}-other' } };

const lease = (name: string): object => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name },
  spec: { holderIdentity: 'me' },
});

/** Each verb on `path`, with a body that would do were it there. */
const every = (path: string, object: object): Step[] => [
  get(path),
  create(path, object),
  replace(path, object),
  mergePatch(path, LABEL),
  remove(`${path}?dryRun=All`),
];

// what RBAC asks about is read from the path: a path that is read in two ways lets in who may not
interactions('odd paths', {
  'namespaces in a namespace': [
    ...every(`${inside}/namespaces`, NAMESPACE),
    ...every(`${inside}/namespaces/default`, NAMESPACE),
    ...every(`${inside}/namespaces/{ns}`, NAMESPACE),
    get(`${inside}/namespaces/default/status`),
    replace(`${inside}/namespaces/default/finalize`, NAMESPACE),
  ],
  'a subresource of no name': [
    ...every('/api/v1/namespaces//status', NAMESPACE),
    ...every('/api/v1/namespaces//finalize', NAMESPACE),
    ...every('serviceaccounts//token', { spec: {} }),
    ...every('widgets//status', { metadata: { name: 'a' } }),
    ...every('widgets//scale', { metadata: { name: 'a' } }),
    ...every('servers//status', { metadata: { name: 'a' } }),
    ...every('configmaps//status', configMap('a')),
  ],
  'no namespace between its slashes': every('/apis/hostler.dev/v1alpha1/namespaces//servers/a', {
    metadata: { name: 'a' },
  }),
  'an empty name': [...every('leases/', lease('a')), ...every('leases//', lease('b'))],
});
