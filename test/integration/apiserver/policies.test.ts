import type { Agent } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controllerBindings, controllerRoles, peopleRoles, systemNamespace } from '../../../src/api/access.ts';
import { toCrd } from '../../../src/api/crd.ts';
import { kinds } from '../../../src/api/kinds.ts';
import { admissionPolicies } from '../../../src/api/policies.ts';
import { CONTROLLER_MANAGER } from '../../../src/apiserver/pki/pki.ts';
import { configMapPolicy } from '../../support/admissionPolicy.ts';
import { eventually, startTestServer, type Reply, type TestServer } from '../../support/apiServer.ts';
import { METADATA } from '../../support/auditPolicies.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const ADMISSION = '/apis/admissionregistration.k8s.io/v1';
const SERVERS = '/apis/hostler.dev/v1alpha1/namespaces/acme/servers';
const OPERATIONS = '/apis/hostler.dev/v1alpha1/namespaces/acme/serveroperations';
const BUNDLES = '/apis/hostler.dev/v1alpha1/namespaces/acme/artifactbundles';
const KNOWN_HOSTS = '/apis/hostler.dev/v1alpha1/namespaces/acme/knownhosts';
const CONFIG_MAPS = '/api/v1/namespaces/acme/configmaps';

const audit: string[] = [];
let server: TestServer;
const agents: Record<string, Agent> = {};

const created = async (path: string, body: object): Promise<void> => {
  const reply = await server.post(path, body);
  expect(reply.code, reply.text).toBe(201);
};
const as = (who: string, method: string, path: string, body?: unknown): Promise<Reply> => {
  const headers = { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' };
  const agent = agents[who];
  return server.ask(method, path, agent === undefined ? { body, headers } : { body, headers, agent });
};
const give = (name: string, clusterRole: string): Promise<void> =>
  created(`${RBAC}/namespaces/acme/rolebindings`, {
    metadata: { generateName: `${name}-` },
    roleRef: { kind: 'ClusterRole', name: clusterRole },
    subjects: [{ kind: 'User', name }],
  });
const serverNamed = (name: string, secret: string, more: object = {}): object => ({
  apiVersion: 'hostler.dev/v1alpha1',
  kind: 'Server',
  metadata: { name },
  spec: {
    addresses: [{ type: 'IPv4', address: '203.0.113.10' }],
    ssh: { user: 'root', auth: { privateKeySecretRef: { name: secret } } },
    ...more,
  },
});
/** Puts a policy in force for ConfigMaps with the label `test: NAME`. */
const enforce = async (name: string, spec: object, binding: object = {}): Promise<void> => {
  await created(`${ADMISSION}/validatingadmissionpolicies`, configMapPolicy(name, spec));
  await created(`${ADMISSION}/validatingadmissionpolicybindings`, {
    metadata: { name },
    spec: {
      policyName: name,
      validationActions: ['Deny'],
      matchResources: { objectSelector: { matchLabels: { test: name } } },
      ...binding,
    },
  });
};
const map = (test: string, name: string, data: Record<string, string> = {}): object => ({
  metadata: { name, labels: { test } },
  data,
});
const refused = (path: string, body: object): Promise<Reply> =>
  eventually(async () => {
    const reply = await server.post(`${path}?dryRun=All`, body);
    expect(reply.code, reply.text).not.toBe(201);
    return reply;
  });

beforeAll(async () => {
  const subject = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: CONTROLLER_MANAGER.user } as const;
  server = await startTestServer({
    crds: kinds.map(toCrd),
    objects: [
      systemNamespace(),
      ...peopleRoles(),
      ...controllerRoles(),
      ...controllerBindings(subject),
      ...admissionPolicies().flatMap(({ objects }) => objects),
    ],
    audit: { policy: METADATA, sink: { write: (line) => audit.push(line) } },
  });
  await created('/api/v1/namespaces', { metadata: { name: 'acme', labels: { tier: 'gold' } } });
  for (const name of ['theirs', 'mine']) await created('/api/v1/namespaces/acme/secrets', { metadata: { name } });
  for (const name of ['writer', 'owner', 'member', 'plain']) agents[name] = await server.agentOf(name, []);
  agents['controller'] = await server.agentOf(CONTROLLER_MANAGER.user, []);
  await give('owner', 'hostler-owner');
  await give('owner', 'edit');
  await give('member', 'hostler-member');
  // may write Servers, but get only one Secret, and is not root on hosts
  await created(`${RBAC}/namespaces/acme/roles`, {
    metadata: { name: 'writer' },
    rules: [
      {
        apiGroups: ['hostler.dev'],
        resources: ['servers', 'knownhosts', 'artifactbundles'],
        verbs: ['get', 'create', 'update', 'patch'],
      },
      { apiGroups: [''], resources: ['secrets'], resourceNames: ['mine'], verbs: ['get'] },
      { apiGroups: ['hostler.dev'], resources: ['serveroperations'], verbs: ['create'] },
      { apiGroups: ['hostler.dev'], resources: ['servers/reboot'], resourceNames: ['eu-1'], verbs: ['create'] },
      { apiGroups: ['hostler.dev'], resources: ['servers/portforward'], resourceNames: ['gate'], verbs: ['create'] },
    ],
  });
  await created(`${RBAC}/namespaces/acme/rolebindings`, {
    metadata: { name: 'writer' },
    roleRef: { kind: 'Role', name: 'writer' },
    subjects: [{ kind: 'User', name: 'writer' }],
  });
  await eventually(async () => expect((await as('owner', 'GET', '/api/v1/namespaces/acme/secrets')).code).toBe(200));
  await eventually(async () => expect((await as('writer', 'GET', `${SERVERS}/none`)).code).toBe(404));
});
afterAll(async () => {
  for (const agent of Object.values(agents)) agent.destroy();
  await server.close();
});

describe('the policies of Hostler', () => {
  it('let only who may read a Secret decide where it is sent', async () => {
    expect((await as('owner', 'POST', SERVERS, serverNamed('eu-1', 'theirs'))).code).toBe(201);
    const stolen = await as('writer', 'POST', SERVERS, serverNamed('eu-2', 'theirs'));
    expect(stolen.code, stolen.text).toBe(403);
    expect(stolen.body.message).toContain(
      `servers.hostler.dev "eu-2" is forbidden: ValidatingAdmissionPolicy 'hostler-server-credentials' with binding 'hostler-server-credentials' denied request: you may not get the Secret theirs`,
    );
    const address = { spec: { addresses: [{ type: 'IPv4', address: '198.51.100.1' }] } };
    for (const spec of [address, { spec: { ssh: { port: 2222 } } }, { spec: { ssh: { user: 'me' } } }])
      expect((await as('writer', 'PATCH', `${SERVERS}/eu-1`, spec)).code, JSON.stringify(spec)).toBe(403);
    expect((await as('writer', 'PATCH', `${SERVERS}/eu-1`, { spec: { description: 'x' } })).code).toBe(200);
    expect((await as('writer', 'POST', SERVERS, serverNamed('eu-2', 'mine'))).code).toBe(201);
    expect((await as('writer', 'PATCH', `${SERVERS}/eu-2`, address)).code).toBe(200);
    const other = { spec: { ssh: { auth: { privateKeySecretRef: { name: 'theirs' } } } } };
    expect((await as('writer', 'PATCH', `${SERVERS}/eu-2`, other)).code).toBe(403);
  });

  it('let only who may use a Server as one go through it as a jump host', async () => {
    const through = (...names: string[]): object => ({
      spec: { ssh: { jumpHosts: names.map((name) => ({ serverRef: { name } })) } },
    });
    expect((await as('owner', 'POST', SERVERS, serverNamed('hops', 'mine'))).code).toBe(201);
    const hop = (who: string, ...names: string[]) => as(who, 'PATCH', `${SERVERS}/hops?dryRun=All`, through(...names));
    const bastion = await hop('writer', 'gate', 'gate', 'gate', 'gate', 'bastion');
    expect(bastion.code, bastion.text).toBe(403);
    expect(bastion.body.message).toContain(
      'spec.ssh.jumpHosts[4]: to go through the Server bastion takes the verb create on servers/portforward',
    );
    expect((await hop('writer', 'bastion')).code).toBe(403);
    expect((await hop('owner', 'bastion', 'gate', 'gate', 'gate', 'bastion')).code).toBe(200);
    expect((await hop('writer', 'gate', 'gate', 'gate', 'gate', 'gate')).code).toBe(200);
    // somewhere else through the same bastion is another tunnel
    expect((await as('owner', 'PATCH', `${SERVERS}/hops`, through('bastion'))).code).toBe(200);
    const elsewhere = { spec: { addresses: [{ type: 'IPv4', address: '198.51.100.1' }] } };
    expect((await as('writer', 'PATCH', `${SERVERS}/hops`, elsewhere)).code).toBe(403);
    expect((await as('writer', 'PATCH', `${SERVERS}/hops`, { spec: { description: 'x' } })).code).toBe(200);
  });

  it('let only who may approve host keys say which are trusted, and the controllers', async () => {
    const knownHost = (name: string): object => ({
      apiVersion: 'hostler.dev/v1alpha1',
      kind: 'KnownHost',
      metadata: { name },
      spec: { address: '203.0.113.10', port: 22, keys: [{ type: 'ssh-ed25519', publicKey: 'AAAA' }] },
    });
    const own = await as('writer', 'POST', KNOWN_HOSTS, knownHost('a'));
    expect(own.code, own.text).toBe(403);
    expect(own.body.message).toContain('to set or change a KnownHost takes the verb create on servers/approvehostkey');
    const others = { spec: { keys: [{ type: 'ssh-ed25519', publicKey: 'BBBB' }] } };
    for (const who of ['owner', 'controller']) {
      expect((await as(who, 'POST', KNOWN_HOSTS, knownHost(who))).code).toBe(201);
      expect((await as('writer', 'PATCH', `${KNOWN_HOSTS}/${who}`, others)).code).toBe(403);
      const label = { metadata: { labels: { a: 'b' } } };
      expect((await as('writer', 'PATCH', `${KNOWN_HOSTS}/${who}`, label)).code).toBe(200);
      expect((await as(who, 'PATCH', `${KNOWN_HOSTS}/${who}`, others)).code).toBe(200);
    }
  });

  it("keep every word about a proxy of one's own image, and its network", async () => {
    const proxy = { type: 'Nginx', image: 'registry.example.com/team/nginx' };
    expect((await as('owner', 'POST', SERVERS, serverNamed('proxied', 'mine', { proxy }))).code).toBe(201);
    const change = (who: string, what: object, name = 'proxied') =>
      as(who, 'PATCH', `${SERVERS}/${name}?dryRun=All`, { spec: { proxy: what } });
    for (const what of [{ version: 'evil' }, { type: 'Traefik' }, { image: null }])
      expect((await change('writer', what)).code, JSON.stringify(what)).toBe(403);
    expect((await change('owner', { version: '1.28' })).code).toBe(200);
    // our own images are no way to root
    expect((await change('writer', { type: 'Traefik', version: '3.6' }, 'eu-2')).code).toBe(200);
    const host = await change('owner', { network: 'host' });
    expect(host.body.message).toContain('spec.proxy.network');
  });

  it('let nobody make an approval needless that he may not give', async () => {
    const automatic = { disruption: { automatic: 'Reboot' } };
    const refusal = await as('writer', 'PATCH', `${SERVERS}/eu-2`, { spec: automatic });
    expect(refusal.code, refusal.text).toBe(403);
    expect(refusal.body.message).toContain('takes the verb create on servers/approve');
    expect((await as('writer', 'POST', SERVERS, serverNamed('eager', 'mine', automatic))).code).toBe(403);
    expect((await as('owner', 'PATCH', `${SERVERS}/eu-2?dryRun=All`, { spec: automatic })).code).toBe(200);
  });

  it('let nobody have the garbage collector delete what he may not delete', async () => {
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'none', uid: '00000000-0000-0000-0000-000000000000' };
    const orphan = { metadata: { ownerReferences: [owner] } };
    const refusal = await as('writer', 'PATCH', `${SERVERS}/eu-2`, orphan);
    expect(refusal.code, refusal.text).toBe(403);
    expect(refusal.body.message).toContain('takes the verb delete on the object');
    expect((await as('owner', 'PATCH', `${SERVERS}/eu-2?dryRun=All`, orphan)).code).toBe(200);
  });

  it('are not got round by the path of a subresource without a name', async () => {
    await created(`${RBAC}/namespaces/acme/roles`, {
      metadata: { name: 'statuses' },
      rules: [{ apiGroups: ['hostler.dev'], resources: ['servers/status', 'serveroperations/status'], verbs: ['*'] }],
    });
    await created(`${RBAC}/namespaces/acme/rolebindings`, {
      metadata: { name: 'statuses' },
      roleRef: { kind: 'Role', name: 'statuses' },
      subjects: [{ kind: 'User', name: 'statuses' }],
    });
    agents['statuses'] = await server.agentOf('statuses', []);
    const hooks = { hooks: [{ name: 'warm', when: 'PostProvision', script: 'id' }] };
    await eventually(async () => {
      const made = await as('statuses', 'POST', `${SERVERS}//status`, serverNamed('own', 'theirs', hooks));
      expect(made.code, made.text).toBe(405);
    });
    expect((await as('statuses', 'DELETE', `${SERVERS}//status`)).code).toBe(405);
    expect((await server.get(SERVERS)).body['items']).not.toEqual([]);
  });

  it('keep what is as good as root to who may create servers/commands', async () => {
    const hooks = { hooks: [{ name: 'warm', when: 'PostProvision', script: 'id' }] };
    const own = await as('writer', 'POST', SERVERS, serverNamed('eu-3', 'mine', hooks));
    expect(own.code).toBe(403);
    expect(own.body.message).toContain('servers/commands');
    for (const spec of [hooks, { docker: { daemonConfig: { debug: true } } }, { docker: { users: ['me'] } }])
      expect((await as('writer', 'PATCH', `${SERVERS}/eu-2`, { spec })).code).toBe(403);
    expect((await as('writer', 'PATCH', `${SERVERS}/eu-2`, { spec: { docker: {} } })).code).toBe(200);
    expect((await as('owner', 'PATCH', `${SERVERS}/eu-2`, { spec: hooks })).code).toBe(200);
    // not changed: no matter for who writes something else
    expect((await as('writer', 'PATCH', `${SERVERS}/eu-2`, { spec: { description: 'y' } })).code).toBe(200);
  });

  it('keep the packages of bundles to them as well', async () => {
    const artifact = {
      name: 'docker',
      type: 'Packages',
      file: 'docker.tar',
      sha256: '0'.repeat(64),
      sizeBytes: 1,
      os: { id: 'debian', versionID: '12' },
      architecture: 'amd64',
    };
    const metadata = { name: 'docker' };
    const bundle = {
      apiVersion: 'hostler.dev/v1alpha1',
      kind: 'ArtifactBundle',
      metadata,
      spec: { artifacts: [artifact] },
    };
    const own = await as('writer', 'POST', BUNDLES, bundle);
    expect(own.code).toBe(403);
    expect(own.body.message).toContain('the packages of a bundle are installed as root');
    expect((await as('owner', 'POST', BUNDLES, bundle)).code).toBe(201);
    const others = { spec: { artifacts: [{ ...artifact, sha256: '1'.repeat(64) }] } };
    expect((await as('writer', 'PATCH', `${BUNDLES}/docker`, others)).code).toBe(403);
    expect((await as('writer', 'PATCH', `${BUNDLES}/docker`, { metadata: { labels: { a: 'b' } } })).code).toBe(200);
  });

  it('ask for a permission by type of operation, and by Server', async () => {
    const operation = (type: string, name: string): object => ({
      apiVersion: 'hostler.dev/v1alpha1',
      kind: 'ServerOperation',
      metadata: { generateName: 'op-' },
      spec: { serverRef: { name }, type },
    });
    expect((await as('member', 'POST', OPERATIONS, operation('Reboot', 'eu-1'))).code).toBe(403);
    expect((await as('writer', 'POST', OPERATIONS, operation('Reboot', 'eu-1'))).code).toBe(201);
    expect((await as('writer', 'POST', OPERATIONS, operation('Reboot', 'eu-2'))).code).toBe(403);
    const power = await as('writer', 'POST', OPERATIONS, operation('PowerOff', 'eu-1'));
    expect(power.body.message).toContain('an operation of type PowerOff takes the verb create on servers/poweroff');
    expect((await as('owner', 'POST', OPERATIONS, operation('PowerOff', 'eu-1'))).code).toBe(201);
  });

  it('let the controllers change the metadata of a Server, not its spec', async () => {
    const finalizers = { metadata: { finalizers: ['hostler.dev/server'] } };
    expect((await as('controller', 'PATCH', `${SERVERS}/eu-1`, finalizers)).code).toBe(200);
    const spec = await as('controller', 'PATCH', `${SERVERS}/eu-1`, { spec: { description: 'z' } });
    expect(spec.code).toBe(403);
    expect(spec.body.message).toContain('to change a spec takes the verb update on servers');
    const status = { status: { summary: 'Active' } };
    expect((await as('controller', 'PATCH', `${SERVERS}/eu-1/status`, status)).code).toBe(200);
  });
});

describe('a ValidatingAdmissionPolicy', () => {
  it('is compiled when it is written', async () => {
    const bad = configMapPolicy('bad', {
      matchConditions: [{ name: 'x', expression: 'variables.a' }],
      variables: [{ name: 'a', expression: 'object.' }],
      validations: [{ expression: '1 + 1' }, { expression: 'nothing == 1', messageExpression: 'true' }],
    });
    const reply = await server.post(`${ADMISSION}/validatingadmissionpolicies`, bad);
    expect(reply.code).toBe(422);
    const fields = reply.body.details?.causes?.map(({ field }) => field);
    expect(fields).toEqual([
      'spec.matchConditions[0].expression',
      'spec.variables[0].expression',
      'spec.validations[0].expression',
      'spec.validations[1].expression',
      'spec.validations[1].messageExpression',
    ]);
    expect(reply.body.message).toContain("undeclared reference to 'nothing'");
    const empty = await server.post(`${ADMISSION}/validatingadmissionpolicies`, { metadata: { name: 'e' }, spec: {} });
    expect(empty.body.details?.causes?.map(({ field }) => field)).toEqual([
      'spec.matchConstraints',
      'spec.validations',
      'spec.auditAnnotations',
    ]);
    const binding = { metadata: { name: 'b' }, spec: { policyName: 'x', validationActions: ['Deny', 'Warn'] } };
    expect((await server.post(`${ADMISSION}/validatingadmissionpolicybindings`, binding)).code).toBe(422);
  });

  it('judges with variables, messages, reasons, request, namespaceObject and authorizer', async () => {
    await enforce('judge', {
      variables: [
        { name: 'size', expression: 'size(object.?data.orValue({}))' },
        { name: 'isBig', expression: 'variables.size > 1' },
      ],
      matchConditions: [{ name: 'not-deleted', expression: "request.operation != 'DELETE'" }],
      validations: [
        { expression: '!variables.isBig', messageExpression: "'too big: ' + string(variables.size)" },
        { expression: "namespaceObject.metadata.labels.tier == 'gold' && request.namespace == 'acme'" },
        {
          expression: "object.metadata.name != 'secret' || authorizer.requestResource.check('fly').allowed()",
          message: 'no flying',
          reason: 'Forbidden',
        },
        {
          expression:
            "object.metadata.name != 'account' || authorizer.serviceAccount('acme', 'default').path('/version').check('get').allowed()",
        },
        { expression: "object.metadata.name != 'error' || object.data.nothing == 'x'" },
      ],
    });
    const big = await refused(CONFIG_MAPS, map('judge', 'big', { a: '', b: '' }));
    expect(big.code).toBe(422);
    expect(big.body).toMatchObject({
      reason: 'Invalid',
      message: `configmaps "big" is forbidden: ValidatingAdmissionPolicy 'judge' with binding 'judge' denied request: too big: 2`,
    });
    expect((await server.post(CONFIG_MAPS, map('judge', 'account'))).code).toBe(201);
    expect((await server.delete(`${CONFIG_MAPS}/account`)).code).toBe(200);
    await give('plain', 'edit');
    const flying = await eventually(async () => {
      const reply = await as('plain', 'POST', CONFIG_MAPS, map('judge', 'secret'));
      expect(reply.body.message).toContain('no flying');
      return reply;
    });
    expect([flying.code, flying.body.reason]).toEqual([403, 'Forbidden']);
    const error = await server.post(CONFIG_MAPS, map('judge', 'error', { a: '' }));
    expect(error.body.message).toContain('resulted in error: no such key: nothing');
  });

  it('takes parameters from objects by name or label, and says when there are none', async () => {
    const spec = {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      validations: [
        { expression: 'size(object.data) <= int(params.data.max)', messageExpression: "'max ' + params.data.max" },
      ],
    };
    await created(CONFIG_MAPS, { metadata: { name: 'limit', labels: { is: 'limit' } }, data: { max: '1' } });
    const selector = { matchLabels: { is: 'limit' } };
    await enforce('limit', spec, { paramRef: { selector, parameterNotFoundAction: 'Deny' } });
    await enforce('absent', spec, {
      paramRef: { name: 'absent', parameterNotFoundAction: 'Deny' },
      matchResources: { objectSelector: { matchLabels: { test: 'absent' } } },
    });
    expect((await refused(CONFIG_MAPS, map('limit', 'two', { a: '', b: '' }))).body.message).toContain('max 1');
    expect((await server.post(CONFIG_MAPS, map('limit', 'one', { a: '' }))).code).toBe(201);
    expect((await refused(CONFIG_MAPS, map('absent', 'none', { a: '' }))).body.message).toContain('no params found');
  });

  it('warns and annotates the audit log, and with Ignore lets pass what has no answer', async () => {
    const warn = {
      failurePolicy: 'Ignore',
      validations: [
        { expression: 'has(object.data.a)', message: 'no a' },
        { expression: 'object.data.b == object.data.c' },
      ],
      auditAnnotations: [{ key: 'who', valueExpression: 'request.userInfo.username' }],
    };
    await enforce('warn', warn, { validationActions: ['Warn', 'Audit'] });
    await eventually(async () => {
      const reply = await server.post(`${CONFIG_MAPS}?dryRun=All`, map('warn', 'w', { x: '' }));
      expect(reply.code).toBe(201);
      expect(reply.headers['warning']).toContain("Validation failed for ValidatingAdmissionPolicy 'warn'");
    });
    expect(audit.join('')).toContain('"warn/who":"hostler-admin"');
    const line = audit.find((one) => one.includes('"warn/who"')) ?? '{}';
    const { annotations } = JSON.parse(line) as { annotations: Record<string, string> };
    expect(JSON.parse(annotations['validation.policy.admission.k8s.io/validation_failure'] ?? '')).toEqual([
      {
        message: 'no a',
        policy: 'warn',
        binding: 'warn',
        expressionIndex: 0,
        validationActions: ['Warn', 'Audit'],
      },
    ]);
  });

  it('notes what each parameter makes of an annotation', async () => {
    for (const name of ['note-a', 'note-b', 'note-c']) {
      await created(CONFIG_MAPS, { metadata: { name, labels: { notes: 'yes' } }, data: { note: name.slice(0, 6) } });
    }
    await created(CONFIG_MAPS, {
      metadata: { name: 'note-again', labels: { notes: 'yes' } },
      data: { note: 'note-a' },
    });
    const noted = {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      auditAnnotations: [{ key: 'notes', valueExpression: 'string(params.data.note)' }],
    };
    await enforce('noted', noted, {
      paramRef: { selector: { matchLabels: { notes: 'yes' } }, parameterNotFoundAction: 'Deny' },
    });
    await eventually(async () => {
      await server.post(`${CONFIG_MAPS}?dryRun=All`, map('noted', 'n'));
      expect(audit.join('')).toContain('"noted/notes":"note-a, note-b, note-c"');
    });
  });

  it('is out of force with its binding', async () => {
    await enforce('never', { validations: [{ expression: 'false' }] });
    await refused(CONFIG_MAPS, map('never', 'n'));
    await server.delete(`${ADMISSION}/validatingadmissionpolicybindings/never`);
    await eventually(async () => expect((await server.post(CONFIG_MAPS, map('never', 'n'))).code).toBe(201));
  });
});

describe('access reviews', () => {
  it('answer for others', async () => {
    const review = (spec: object, path = 'subjectaccessreviews'): Promise<Reply> =>
      server.post(`/apis/authorization.k8s.io/v1/${path}`, { spec });
    const reboot = {
      group: 'hostler.dev',
      resource: 'servers',
      subresource: 'reboot',
      verb: 'create',
      namespace: 'acme',
    };
    const may = await review({ user: 'owner', resourceAttributes: reboot });
    expect(may.body.status['allowed']).toBe(true);
    expect(may.body.status['reason']).toMatch(
      /^RBAC: allowed by RoleBinding "owner-\w+\/acme" of ClusterRole "hostler-owner" to User "owner"$/,
    );
    expect((await review({ user: 'member', resourceAttributes: reboot })).body.status['allowed']).toBe(false);
    expect((await review({ resourceAttributes: reboot })).code).toBe(422);
    expect((await review({ user: 'x' })).code).toBe(422);
    const local = 'namespaces/other/localsubjectaccessreviews';
    expect((await review({ user: 'x', resourceAttributes: reboot }, local)).code).toBe(422);
  });
});
