import type { Agent } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startTestServer, type Reply, type TestServer } from '../../support/apiServer.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const TEAM = `${RBAC}/namespaces/team`;

let server: TestServer;
let ann: Agent;
let bob: Agent;

const role = (name: string, rules: object[], more: object = {}): object => ({ metadata: { name }, rules, ...more });
const binding = (name: string, kind: string, ref: string, ...subjects: object[]): object => ({
  metadata: { name },
  roleRef: { kind, name: ref },
  subjects,
});
const user = (name: string): object => ({ kind: 'User', name });
const readPods = { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] };
const created = async (path: string, body: object): Promise<Reply> => {
  const reply = await server.post(path, body);
  expect(reply.code, reply.text).toBe(201);
  return reply;
};
const as = (agent: Agent, method: string, path: string, body?: unknown): Promise<Reply> =>
  server.ask(method, path, { agent, body });
const becomes = (code: number, ask: () => Promise<Reply>): Promise<Reply> =>
  eventually(async () => {
    const reply = await ask();
    expect(reply.code, reply.text).toBe(code);
    return reply;
  });

beforeAll(async () => {
  server = await startTestServer();
  ann = await server.agentOf('ann', ['devs']);
  bob = await server.agentOf('bob', []);
  await created('/api/v1/namespaces', { metadata: { name: 'team' } });
});
afterAll(async () => {
  ann.destroy();
  bob.destroy();
  await server.close();
});

describe('roles', () => {
  it('are there by default, the aggregated ones filled', async () => {
    const admin = await eventually(async () => {
      const reply = await server.get(`${RBAC}/clusterroles/admin`);
      expect(JSON.stringify(reply.body['rules'])).toContain('rolebindings');
      return reply;
    });
    expect(JSON.stringify(admin.body['rules'])).toContain('secrets');
    const view = await server.get(`${RBAC}/clusterroles/view`);
    expect(JSON.stringify(view.body['rules'])).not.toContain('secrets');
    expect(view.body.metadata.annotations).toEqual({ 'rbac.authorization.kubernetes.io/autoupdate': 'true' });
    expect((await server.get(`${RBAC}/clusterrolebindings/cluster-admin`)).body['subjects']).toEqual([
      { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'system:masters' },
    ]);
  });

  it('are validated as Kubernetes does', async () => {
    const refused = await server.post(`${TEAM}/roles`, role('bad', [{ verbs: [], nonResourceURLs: ['/x'] }, {}]));
    expect(refused.code).toBe(422);
    expect(refused.body.details?.causes?.map(({ field, message }) => `${field}: ${message}`)).toEqual([
      'rules[0].verbs: Required value: verbs must contain at least one value',
      'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
      'rules[1].verbs: Required value: verbs must contain at least one value',
      'rules[1].apiGroups: Required value: resource rules must supply at least one api group',
      'rules[1].resources: Required value: resource rules must supply at least one resource',
    ]);
    const wrong = binding(
      'bad',
      'Nothing',
      '',
      { kind: 'Robot', name: '' },
      { kind: 'User', name: 'x', apiGroup: 'y' },
    );
    const causes = (await server.post(`${TEAM}/rolebindings`, wrong)).body.details?.causes;
    expect(causes?.map(({ field, reason }) => `${field} ${reason}`)).toEqual([
      'roleRef.kind FieldValueNotSupported',
      'roleRef.name FieldValueRequired',
      'subjects[0].name FieldValueRequired',
      'subjects[0].kind FieldValueNotSupported',
      'subjects[1].apiGroup FieldValueNotSupported',
    ]);
    const empty = role('collects', [], { aggregationRule: { clusterRoleSelectors: [] } });
    expect((await server.post(`${RBAC}/clusterroles`, empty)).body.message).toContain(
      'at least one clusterRoleSelector required',
    );
  });

  it('collect the rules of others by label, and lose them again', async () => {
    const selector = { matchLabels: { part: 'of-sum' } };
    await created(`${RBAC}/clusterroles`, role('sum', [], { aggregationRule: { clusterRoleSelectors: [selector] } }));
    await created(`${RBAC}/clusterroles`, {
      metadata: { name: 'part', labels: { part: 'of-sum' } },
      rules: [readPods],
    });
    await eventually(async () =>
      expect((await server.get(`${RBAC}/clusterroles/sum`)).body['rules']).toEqual([
        { verbs: ['get', 'list'], apiGroups: [''], resources: ['configmaps'] },
      ]),
    );
    await server.delete(`${RBAC}/clusterroles/part`);
    await eventually(async () => expect((await server.get(`${RBAC}/clusterroles/sum`)).body['rules']).toBeNull());
  });
});

describe('who has no role', () => {
  it('may ask who he is and what is served, nothing else', async () => {
    expect((await as(bob, 'GET', '/apis')).code).toBe(200);
    const reply = await as(bob, 'GET', '/api/v1/namespaces/team/configmaps');
    expect(reply.code).toBe(403);
    expect(reply.body.message).toBe(
      'configmaps is forbidden: User "bob" cannot list resource "configmaps" in API group "" in the namespace "team"',
    );
    expect((await as(bob, 'DELETE', '/api/v1/namespaces/team')).code).toBe(403);
    expect((await as(bob, 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {})).code).toBe(201);
  });
});

describe('bindings', () => {
  it('give a role in one namespace, by name of objects, and take it away', async () => {
    await created('/api/v1/namespaces/team/configmaps', { metadata: { name: 'one' } });
    const rules = [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['one'], verbs: ['get', 'list'] }];
    await created(`${TEAM}/roles`, role('one', rules));
    await created(`${TEAM}/rolebindings`, binding('one', 'Role', 'one', { kind: 'Group', name: 'devs' }));
    const path = '/api/v1/namespaces/team/configmaps';
    await becomes(200, () => as(ann, 'GET', `${path}/one`));
    expect((await as(ann, 'GET', `${path}/kube-root-ca.crt`)).code).toBe(403);
    expect((await as(ann, 'GET', path)).code).toBe(403);
    expect((await as(ann, 'GET', `${path}?fieldSelector=metadata.name%3Done`)).code).toBe(200);
    expect((await as(ann, 'GET', '/api/v1/namespaces/default/configmaps/one')).code).toBe(403);
    await server.delete(`${TEAM}/rolebindings/one`);
    await becomes(403, () => as(ann, 'GET', `${path}/one`));
  });

  it('cannot change their role, and say when there is none', async () => {
    await created(`${TEAM}/rolebindings`, binding('dangling', 'ClusterRole', 'nowhere', user('ann')));
    const reply = await eventually(async () => {
      const answer = await as(ann, 'GET', '/api/v1/namespaces/team/secrets');
      expect(answer.body.message).toContain('RBAC');
      return answer;
    });
    expect(reply.body.message).toMatch(/: RBAC: clusterrole.rbac.authorization.k8s.io "nowhere" not found$/);
    const changed = await server.patch(`${TEAM}/rolebindings/dangling`, 'merge', { roleRef: { name: 'view' } });
    expect(changed.code).toBe(422);
    expect(changed.body.message).toContain('cannot change roleRef');
    await server.delete(`${TEAM}/rolebindings/dangling`);
  });

  it('reach subresources only when they are named', async () => {
    const rules = [{ apiGroups: [''], resources: ['*/status'], verbs: ['update'] }];
    await created(`${RBAC}/clusterroles`, role('statuses', rules));
    await created(`${RBAC}/clusterrolebindings`, binding('statuses', 'ClusterRole', 'statuses', user('ann')));
    await becomes(404, () => as(ann, 'PUT', '/api/v1/namespaces/none/status', { metadata: { name: 'none' } }));
    expect((await as(ann, 'PUT', '/api/v1/namespaces/none', {})).code).toBe(403);
    await server.delete(`${RBAC}/clusterrolebindings/statuses`);
  });
});

describe('nobody gives away more than he has', () => {
  beforeAll(async () => {
    await created(`${TEAM}/rolebindings`, binding('lead', 'ClusterRole', 'admin', user('bob')));
    await becomes(200, () => as(bob, 'GET', `${TEAM}/roles`));
  });

  it('in a role: only rights that he has', async () => {
    expect((await as(bob, 'POST', `${TEAM}/roles`, role('fine', [readPods]))).code).toBe(201);
    const all = role('all', [{ apiGroups: ['', 'apps'], resources: ['secrets', 'x'], verbs: ['get', 'fly'] }]);
    const refused = await as(bob, 'POST', `${TEAM}/roles`, all);
    expect(refused.code).toBe(403);
    expect(refused.body.message).toBe(
      [
        'roles.rbac.authorization.k8s.io "all" is forbidden: user "bob" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:',
        '{APIGroups:[""], Resources:["secrets"], Verbs:["fly"]}',
        '{APIGroups:[""], Resources:["x"], Verbs:["get" "fly"]}',
        '{APIGroups:["apps"], Resources:["secrets"], Verbs:["get" "fly"]}',
        '{APIGroups:["apps"], Resources:["x"], Verbs:["get" "fly"]}',
      ].join('\n'),
    );
    const patch = { rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] };
    const patched = await server.ask('PATCH', `${TEAM}/roles/fine`, {
      agent: bob,
      body: patch,
      headers: { 'content-type': 'application/merge-patch+json' },
    });
    expect(patched.code).toBe(403);
  });

  it('by a binding: only roles whose rights he has, unless he may bind them', async () => {
    const give = binding('give', 'ClusterRole', 'cluster-admin', user('bob'));
    expect((await as(bob, 'POST', `${TEAM}/rolebindings`, give)).code).toBe(403);
    const nothing = await as(bob, 'POST', `${TEAM}/rolebindings`, binding('no', 'Role', 'absent', user('ann')));
    expect(nothing.code).toBe(404);
    expect((await as(bob, 'POST', `${TEAM}/rolebindings`, binding('v', 'ClusterRole', 'view', user('ann')))).code).toBe(
      201,
    );
    const group = 'rbac.authorization.k8s.io';
    const rules = [
      { apiGroups: [group], resources: ['clusterroles'], resourceNames: ['cluster-admin'], verbs: ['bind'] },
    ];
    await created(`${RBAC}/clusterroles`, role('binder', rules));
    await created(`${TEAM}/rolebindings`, binding('binder', 'ClusterRole', 'binder', user('bob')));
    await becomes(201, () => as(bob, 'POST', `${TEAM}/rolebindings`, give));
  });

  it('with escalate he may, and only who has everything may aggregate', async () => {
    const rules = [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs: ['create'] }];
    await created(`${RBAC}/clusterroles`, role('maker', rules));
    await created(`${RBAC}/clusterrolebindings`, binding('maker', 'ClusterRole', 'maker', user('ann')));
    const collects = role('mine', [], { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } });
    const refused = await becomes(403, () => as(ann, 'POST', `${RBAC}/clusterroles`, collects));
    await eventually(async () => {
      const again = await as(ann, 'POST', `${RBAC}/clusterroles`, collects);
      expect(again.body.message).toContain('must have cluster-admin privileges to use an aggregationRule');
    });
    expect(refused.code).toBe(403);
    const escalate = [{ ...rules[0], verbs: ['create', 'escalate'] }];
    await server.patch(`${RBAC}/clusterroles/maker`, 'merge', { rules: escalate });
    await becomes(201, () => as(ann, 'POST', `${RBAC}/clusterroles`, collects));
  });
});

describe('a restart', () => {
  it('repairs default roles, keeps what was added, and leaves alone what is not to be updated', async () => {
    await server.patch(`${RBAC}/clusterroles/system:basic-user`, 'merge', { rules: [readPods] });
    await server.patch(`${RBAC}/clusterrolebindings/system:discovery`, 'merge', { subjects: [user('ann')] });
    await server.patch(`${RBAC}/clusterroles/system:monitoring`, 'merge', {
      metadata: { annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } },
      rules: [],
    });
    await server.restart();
    const basic = JSON.stringify((await server.get(`${RBAC}/clusterroles/system:basic-user`)).body['rules']);
    expect(basic).toContain('selfsubjectaccessreviews');
    expect(basic).toContain('configmaps');
    const discovery = await server.get(`${RBAC}/clusterrolebindings/system:discovery`);
    expect(JSON.stringify(discovery.body['subjects'])).toMatch(/"ann".*system:authenticated/);
    expect((await server.get(`${RBAC}/clusterroles/system:monitoring`)).body['rules']).toEqual([]);
  });
});
