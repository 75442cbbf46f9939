import { describe, expect, it } from 'vitest';
import { parsePolicy, type AuditPolicy } from '../../../../src/apiserver/audit/policy.ts';
import { AuditRules } from '../../../../src/apiserver/audit/rules.ts';
import { parseRequest } from '../../../../src/apiserver/http/requestInfo.ts';

const policy = (...rules: object[]): AuditPolicy =>
  parsePolicy(JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules }));
const JANE = { name: 'jane', groups: ['staff', 'system:authenticated'] };
const PODS = '/api/v1/namespaces/a/pods/x';
/** The level of one request under one rule and a last one of Metadata: whether the first matches. */
const level = (rule: object, request: string, user: typeof JANE | undefined = JANE): string | undefined => {
  const [method = '', url = ''] = request.split(' ');
  const rules = new AuditRules(policy({ level: 'RequestResponse', ...rule }, { level: 'Metadata' }));
  return rules.find({ ...parseRequest(method, url), user })?.level;
};

describe('a rule of an audit policy', () => {
  it.each<[object, string]>([
    [{}, `GET ${PODS}`],
    [{}, 'GET /version'],
    [{ users: ['joe', 'jane'] }, `GET ${PODS}`],
    [{ userGroups: ['ops', 'staff'] }, `GET ${PODS}`],
    [{ verbs: ['list', 'get'] }, `GET ${PODS}`],
    [{ verbs: ['deletecollection'] }, 'DELETE /api/v1/namespaces/a/pods'],
    [{ namespaces: ['a'] }, `GET ${PODS}`],
    [{ namespaces: [''] }, 'GET /api/v1/nodes/x'],
    [{ resources: [{ group: '' }] }, `GET ${PODS}/log`],
    [{ resources: [{ group: '', resources: ['pods'] }] }, `GET ${PODS}`],
    [{ resources: [{ resources: ['pods/log'] }] }, `GET ${PODS}/log`],
    [{ resources: [{ resources: ['*'] }] }, `GET ${PODS}/log`],
    [{ resources: [{ resources: ['pods/*'] }] }, `GET ${PODS}/log`],
    [{ resources: [{ resources: ['pods/*'] }] }, `GET ${PODS}`],
    [{ resources: [{ resources: ['*/log'] }] }, `GET ${PODS}/log`],
    [{ resources: [{ resources: ['pods'], resourceNames: ['x'] }] }, `GET ${PODS}`],
    [{ resources: [{ group: 'apps', resources: ['deployments'] }] }, 'GET /apis/apps/v1/namespaces/a/deployments'],
    [{ nonResourceURLs: ['*'] }, 'GET /metrics'],
    [{ nonResourceURLs: ['/healthz*'] }, 'GET /healthz/ping'],
    [{ nonResourceURLs: ['/version'] }, 'GET /version'],
  ])('%j matches %s', (rule, request) => {
    expect(level(rule, request)).toBe('RequestResponse');
  });

  it.each<[object, string]>([
    [{ users: ['joe'] }, `GET ${PODS}`],
    [{ userGroups: ['ops'] }, `GET ${PODS}`],
    [{ verbs: ['list'] }, `GET ${PODS}`],
    [{ namespaces: ['b', ''] }, `GET ${PODS}`],
    [{ namespaces: ['a'] }, 'GET /version'],
    [{ resources: [{ group: 'apps' }] }, `GET ${PODS}`],
    [{ resources: [{ resources: ['pods'] }] }, `GET ${PODS}/log`],
    [{ resources: [{ resources: ['pods/log'] }] }, `GET ${PODS}`],
    [{ resources: [{ resources: ['*/log'] }] }, `GET ${PODS}`],
    [{ resources: [{ resources: ['*/log'] }] }, `GET ${PODS}/status`],
    [{ resources: [{ resources: ['pods'], resourceNames: ['y'] }] }, `GET ${PODS}`],
    [{ resources: [{ resources: ['pods'], resourceNames: ['x'] }] }, 'GET /api/v1/namespaces/a/pods'],
    [{ nonResourceURLs: ['*'] }, `GET ${PODS}`],
    [{ nonResourceURLs: ['/version'] }, 'GET /version/x'],
    [{ users: ['jane'], verbs: ['list'] }, `GET ${PODS}`],
  ])('%j does not match %s', (rule, request) => {
    expect(level(rule, request)).toBe('Metadata');
  });

  it('about users or groups does not match nobody', () => {
    for (const rule of [{ users: ['jane'] }, { userGroups: ['staff'] }]) {
      const rules = new AuditRules(policy({ level: 'Request', ...rule }));
      expect(rules.find({ ...parseRequest('GET', PODS), user: undefined })).toBeUndefined();
    }
  });
});

describe('an audit policy', () => {
  it('goes by the first rule that matches, and writes nothing without one', () => {
    const rules = new AuditRules(policy({ level: 'None', verbs: ['get'] }, { level: 'Request', namespaces: ['a'] }));
    const find = (method: string, url: string) => rules.find({ ...parseRequest(method, url), user: JANE })?.level;
    expect(find('GET', PODS)).toBeUndefined();
    expect(find('PUT', PODS)).toBe('Request');
    expect(find('PUT', '/api/v1/nodes/x')).toBeUndefined();
  });

  it('omits the stages of both places; a rule overrides managed fields', () => {
    const text = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['Panic'], omitManagedFields: true };
    const own = { level: 'Request', omitStages: ['RequestReceived'], omitManagedFields: false, verbs: ['get'] };
    const rules = new AuditRules(parsePolicy(JSON.stringify({ ...text, rules: [own, { level: 'Request' }] })));
    const find = (method: string) => rules.find({ ...parseRequest(method, PODS), user: JANE });
    expect(find('GET')).toMatchObject({ omitManagedFields: false });
    expect([...(find('GET')?.omitStages ?? [])].sort()).toEqual(['Panic', 'RequestReceived']);
    expect(find('PUT')).toMatchObject({ omitManagedFields: true, omitStages: new Set(['Panic']) });
  });

  it.each([
    'POST /api/v1/namespaces/a/secrets',
    'PATCH /api/v1/namespaces/a/secrets/x',
    'GET /api/v1/secrets',
    'POST /api/v1/namespaces/a/serviceaccounts/x/token',
    'POST /apis/authentication.k8s.io/v1/tokenreviews',
    'PATCH /apis/hostler.dev/v1alpha1/namespaces/a/servers/x',
    'PUT /apis/hostler.dev/v1alpha1/namespaces/a/servers/x/status',
    'POST /apis/hostler.dev/v1alpha1/namespaces/a/serveroperations',
  ])('never gets the bodies of %s', (request) => {
    expect(level({}, request)).toBe('Metadata');
  });
});
