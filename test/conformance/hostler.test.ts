import { interactions } from './harness/interactions.ts';
import { create, get, mergePatch, type Json, type Step } from './harness/step.ts';

const key = { privateKeySecretRef: { name: 'k' } };
const server = (spec: object, name = 'a'): Json => ({
  apiVersion: 'hostler.dev/v1alpha1',
  kind: 'Server',
  metadata: { name },
  spec: { addresses: [{ type: 'IPv4', address: '203.0.113.10' }], ssh: { auth: key }, ...spec },
});
const made = (spec: object): Step => create('servers', server(spec));
const TABLE = { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } };
const operation = (spec: object): Json => ({
  apiVersion: 'hostler.dev/v1alpha1',
  kind: 'ServerOperation',
  metadata: { name: 'a' },
  spec: { serverRef: { name: 'a' }, ...spec },
});

/** Specs of a Server, good and bad: one per rule of the definition that a user meets. */
const SPECS: Readonly<Record<string, object>> = {
  'nothing more': {},
  'no addresses': { addresses: [] },
  'the same type of address twice': {
    addresses: ['203.0.113.10', '203.0.113.11'].map((address) => ({ type: 'IPv4', address })),
  },
  'an unknown type of address': { addresses: [{ type: 'MAC', address: 'x' }] },
  'an address that is none': { addresses: [{ type: 'IPv4', address: 'not an address' }] },
  'no ssh': { ssh: undefined },
  'no login': { ssh: {} },
  'two ways to log in': { ssh: { auth: { ...key, passwordSecretRef: { name: 'p' } } } },
  'no way to log in': { ssh: { auth: {} } },
  'a password without a policy': { ssh: { auth: { passwordSecretRef: { name: 'p' } } } },
  'a password with a policy': { ssh: { hostKeyPolicy: 'Strict', auth: { passwordSecretRef: { name: 'p' } } } },
  'a bootstrap password without a policy': {
    ssh: { auth: { ...key, bootstrap: { passwordSecretRef: { name: 'p' } } } },
  },
  'a port that is none': { ssh: { auth: key, port: 70_000 } },
  'a port that is text': { ssh: { auth: key, port: '22' } },
  'a user that is none': { ssh: { auth: key, user: 'a b' } },
  'itself as jump host': {
    ssh: { auth: key, jumpHosts: [{ serverRef: { name: 'a' } }, { serverRef: { name: 'a' } }] },
  },
  Docker: { docker: { version: '28', daemonConfig: { 'live-restore': true, nested: { deep: [1, 'x', null] } } } },
  'a version of Docker that is none': { docker: { version: 'newest' } },
  'a mirror without a URL': { docker: { source: { type: 'Mirror' } } },
  'an unknown source': { docker: { source: { type: 'Snap' } } },
  'a proxy': { proxy: { type: 'Traefik', acme: { email: 'ops@example.com' } } },
  'an unknown proxy': { proxy: { type: 'Caddy' } },
  'too much to describe': { description: 'x'.repeat(501) },
  'an unknown member': { colour: 'red', ssh: { auth: key, colour: 'red' } },
  'a quantity': { requirements: { cpu: 2, memory: '4Gi', disk: '80Gi' } },
  'a quantity that is none': { requirements: { memory: '4 gigs' } },
  'a hook that is none': { hooks: [{ name: 'A B', when: 'Sometimes', script: '' }] },
  'an unknown disruption': { disruption: { automatic: 'Everything' } },
};

interactions('a Server with', {
  ...Object.fromEntries(Object.entries(SPECS).map(([name, spec]) => [name, [made(spec), get('servers/a')]])),
});

interactions("Hostler's kinds", {
  strictly: [create('servers?fieldValidation=Strict', server({ colour: 'red' }))],
  'a Server changes': [
    made({}),
    mergePatch('servers/a', { spec: { paused: true } }),
    mergePatch('servers/a', { spec: { addresses: [{ type: 'FQDN', address: 'x.example.com' }] } }),
    mergePatch('servers/a', { spec: { ssh: { auth: { passwordSecretRef: { name: 'p' } } } } }),
  ],
  'the status of a Server': [
    made({}),
    mergePatch('servers/a/status', {
      status: {
        summary: 'Active',
        observedGeneration: 1,
        conditions: [
          { type: 'Ready', status: 'True', reason: 'X', message: '', lastTransitionTime: '2020-01-01T00:00:00Z' },
        ],
      },
    }),
    mergePatch('servers/a/status', { status: { summary: 'Odd' } }),
    mergePatch('servers/a/status', { status: { conditions: [{ type: 'Ready', status: 'Maybe' }] } }),
    get('servers', TABLE),
    get('servers/a'),
  ],
  'a Table of Servers': [made({}), get('servers', TABLE)],
  'an operation': [
    create('serveroperations', operation({ type: 'Retry' })),
    mergePatch('serveroperations/a', { spec: { cancel: true } }),
    mergePatch('serveroperations/a', { spec: { type: 'Reboot' } }),
    mergePatch('serveroperations/a', { spec: { cancel: false } }),
    get('serveroperations', TABLE),
  ],
  'an operation without a type': [create('serveroperations', operation({}))],
  'an operation of an unknown type': [create('serveroperations', operation({ type: 'Dance' }))],
  'an operation with the parameters of another': [
    create('serveroperations', operation({ type: 'Reboot', approve: { planHash: 'sha256:x' } })),
  ],
  'an operation without its parameters': [create('serveroperations', operation({ type: 'Approve' }))],
  'a known host': [
    create('knownhosts', {
      apiVersion: 'hostler.dev/v1alpha1',
      kind: 'KnownHost',
      metadata: { name: 'a' },
      spec: { address: '203.0.113.10', port: 22, keys: [{ type: 'ssh-ed25519', publicKey: 'AAAA' }] },
    }),
    create('knownhosts', {
      apiVersion: 'hostler.dev/v1alpha1',
      kind: 'KnownHost',
      metadata: { name: 'b' },
      spec: { address: '', port: 0, keys: [{ type: 'x' }, { type: 'x' }] },
    }),
    get('knownhosts', TABLE),
  ],
});
