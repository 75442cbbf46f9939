import type { Agent } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startTestServer, type Reply, type TestServer } from '../../support/apiServer.ts';
import { METADATA } from '../../support/auditPolicies.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';

const audit: string[] = [];
let server: TestServer;
/** Of somebody without rights. */
let member: Agent;

const created = async (path: string, body: object): Promise<void> => {
  const reply = await server.post(path, body);
  expect(reply.code, reply.text).toBe(201);
};

beforeAll(async () => {
  server = await startTestServer({ audit: { policy: METADATA, sink: { write: (line) => audit.push(line) } } });
  member = await server.agentOf('member', []);
});
afterAll(async () => {
  member.destroy();
  await server.close();
});

describe('impersonation', () => {
  const whoami = (headers: Record<string, string>, agent?: Agent): Promise<Reply> =>
    server.ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      body: {},
      headers,
      ...(agent === undefined ? {} : { agent }),
    });

  it('makes the request as the user, groups, UID and extra of the headers', async () => {
    const reply = await whoami({
      'impersonate-user': 'jane',
      'impersonate-group': 'devs',
      'impersonate-uid': 'u1',
      'impersonate-extra-acme.com%2fproject': 'x',
      'audit-id': 'as-jane',
    });
    expect(reply.body.status).toEqual({
      userInfo: {
        username: 'jane',
        uid: 'u1',
        groups: ['devs', 'system:authenticated'],
        extra: { 'acme.com/project': ['x'] },
      },
    });
    const account = await whoami({ 'impersonate-user': 'system:serviceaccount:acme:default' });
    expect(JSON.stringify(account.body.status)).toContain('system:serviceaccounts:acme');
    expect((await server.get('/api/v1/secrets', { headers: { 'impersonate-user': 'jane' } })).code).toBe(403);
    const line = audit.find((one) => one.includes('"as-jane"')) ?? '{}';
    expect(JSON.parse(line)).toMatchObject({
      user: { username: 'hostler-admin' },
      impersonatedUser: { username: 'jane' },
    });
  });

  it('takes the right to each part, and a user', async () => {
    const refusedTo = await whoami({ 'impersonate-user': 'jane' }, member);
    expect(refusedTo.code).toBe(403);
    expect(refusedTo.body.message).toBe(
      'users "jane" is forbidden: User "member" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
    await created(`${RBAC}/clusterroles`, {
      metadata: { name: 'as-jane' },
      rules: [{ apiGroups: [''], resources: ['users'], resourceNames: ['jane'], verbs: ['impersonate'] }],
    });
    await created(`${RBAC}/clusterrolebindings`, {
      metadata: { name: 'as-jane' },
      roleRef: { kind: 'ClusterRole', name: 'as-jane' },
      subjects: [{ kind: 'User', name: 'member' }],
    });
    await eventually(async () => expect((await whoami({ 'impersonate-user': 'jane' }, member)).code).toBe(201));
    const masters = { 'impersonate-user': 'jane', 'impersonate-group': 'system:masters' };
    expect((await whoami(masters, member)).code).toBe(403);
    expect((await whoami({ 'impersonate-group': 'x' })).code).toBe(400);
  });
});
