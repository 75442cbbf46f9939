import { interactions } from './harness/interactions.ts';
import { binding, BINDINGS, POLICIES, policy } from './harness/policies.ts';
import { create, get, gone, mergePatch, NOBODY, remove, type HttpStep, type Json, type Step } from './harness/step.ts';

const ACCOUNT = create('serviceaccounts', { metadata: { name: 'a' } });
const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const text = (value: string): string => Buffer.from(value, 'base64').toString();
const hasToken = ({ body }: { body: unknown }): boolean => (body as Json).data?.token !== undefined;

const secret = (annotations: object = {}, rest: object = {}): Json => ({
  metadata: { name: 's', annotations: { 'kubernetes.io/service-account.name': 'a', ...annotations } },
  type: 'kubernetes.io/service-account-token',
  ...rest,
});
/** What is in the Secret, with what its token says. */
const filled = ({ metadata, data, type }: Json): unknown => ({
  annotations: metadata?.annotations,
  type,
  keys: Object.keys(data ?? {}).sort(),
  namespace: text(data?.namespace ?? ''),
  claims: JSON.parse(Buffer.from(text(data?.token ?? '').split('.')[1] ?? '', 'base64url').toString() || '{}'),
});
const FILLED = get('secrets/s', { until: hasToken, pick: filled });
const review = (token: string, spec: object = {}): HttpStep =>
  create(
    '/apis/authentication.k8s.io/v1/tokenreviews',
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, ...spec } },
    { pick: ({ status }: Json) => ({ ...status, error: status.error !== undefined }) },
  );
const refused = (step: HttpStep): Step => ({
  ...step,
  until: ({ body }) => (body as Json).status?.authenticated !== true,
});

interactions('tokens in Secrets', {
  'are made': [ACCOUNT, create('secrets', secret(), { pick: ({ type }) => type }), FILLED],
  'authenticate until the Secret is gone': [
    ACCOUNT,
    create('secrets', secret(), { pick: ({ type }) => type }),
    FILLED,
    review('{token.2}'),
    review('{token.2}', { audiences: ['vault', ISSUER] }),
    review('{token.2}', { audiences: ['vault'] }),
    create(
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
      { headers: { authorization: 'Bearer {token.2}' }, as: NOBODY, pick: ({ status }) => status },
    ),
    remove('secrets/s'),
    refused(review('{token.2}')),
  ],
  'end with another token in the Secret': [
    ACCOUNT,
    create('secrets', secret(), { pick: ({ type }) => type }),
    FILLED,
    mergePatch('secrets/s', { data: { token: null } }, { pick: ({ type }) => type }),
    FILLED,
    mergePatch('secrets/s', { data: { token: 'eA==' } }, { pick: ({ type }) => type }),
    refused(review('{token.2}')),
  ],
  'go with their account': [
    ACCOUNT,
    create('secrets', secret(), { pick: ({ type }) => type }),
    FILLED,
    remove('serviceaccounts/a', undefined, { pick: ({ kind }) => kind }),
    get('secrets/s', { until: gone }),
    refused(review('{token.2}')),
  ],
  'without an account': [create('secrets', secret(), { pick: ({ type }) => type }), get('secrets/s', { until: gone })],
  'of an account that went before': [
    ACCOUNT,
    create('secrets', secret({ 'kubernetes.io/service-account.uid': '11111111-1111-1111-1111-111111111111' }), {
      pick: ({ type }) => type,
    }),
    get('secrets/s', { until: gone }),
  ],
  'beside other data': [
    ACCOUNT,
    create('secrets', secret({}, { data: { namespace: 'eA==', 'ca.crt': 'eA==', more: 'eA==' } }), {
      pick: ({ type }) => type,
    }),
    FILLED,
  ],
});

const TOKENS = {
  matchConstraints: {
    resourceRules: [
      { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['serviceaccounts/token'] },
    ],
  },
};
const asked = (spec: object, metadata: object = {}): HttpStep =>
  create(
    'serviceaccounts/a/token',
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata, spec },
    { pick: (body) => (body.kind === 'TokenRequest' ? body.spec : body) },
  );

interactions('policies of tokens', {
  'that see TokenRequests': [
    ACCOUNT,
    create(
      POLICIES,
      policy({
        ...TOKENS,
        validations: [
          { expression: "!object.spec.audiences.exists(one, one == 'evil')", message: 'not evil' },
          {
            expression: "!object.spec.audiences.exists(one, one == 'tell')",
            messageExpression:
              "request.kind.group + ' ' + request.kind.kind + ' ' + request.resource.resource + '/' + request.subResource + ' ' + request.name + ' ' + request.namespace + ' ' + object.kind + ' ' + object.metadata.name + ' ' + object.metadata.namespace + ' ' + object.metadata.uid + ' ' + string(object.spec.expirationSeconds) + ' ' + string(oldObject == null) + string(has(object.spec.boundObjectRef)) + string(request.dryRun)",
          },
          {
            expression: 'object.spec.expirationSeconds != 601',
            messageExpression: "'for ' + object.spec.audiences[0]",
          },
        ],
      }),
    ),
    create(BINDINGS, binding()),
    { ...asked({ audiences: ['evil'] }), until: ({ code }) => code === 422 },
    asked({ audiences: ['tell'] }),
    asked({ expirationSeconds: 601 }),
    asked({ expirationSeconds: 602 }),
    asked({ audiences: ['evil'], expirationSeconds: 1 }),
    asked({ audiences: ['evil'], boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: 'none' } }),
    asked({ audiences: ['evil'] }, { name: 'b' }),
    create('serviceaccounts/none/token', { spec: { audiences: ['evil'] } }),
  ],
  'that warn': [
    ACCOUNT,
    create(POLICIES, policy({ ...TOKENS, validations: [{ expression: 'false', message: 'take care' }] })),
    create(BINDINGS, binding({ validationActions: ['Warn'] })),
    { ...asked({}), until: ({ headers }) => headers.warning !== undefined },
  ],
  'and a namespace that is not there': [create('/api/v1/namespaces/{ns}-none/serviceaccounts/a/token', { spec: {} })],
});
