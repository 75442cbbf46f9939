import { createHmac, createPrivateKey, createPublicKey } from 'node:crypto';
import { inject } from 'vitest';
import { encode, goodClaims, signToken, tokenKey, type TokenClaims } from '../support/oidcIssuer.ts';
import { interactions } from './harness/interactions.ts';
import { create, NOBODY, remove, type HttpStep, type Json, type Step } from './harness/step.ts';

const { url, kid, privateKey: pem } = inject('issuer');
const key = { alg: 'RS256', kid, privateKey: createPrivateKey(pem) } as const;
const soon = Math.floor(Date.now() / 1000) + 3600;

const claims = (changes: TokenClaims): TokenClaims => ({ ...goodClaims(url), org: 'acme', exp: soon, ...changes });
const token = (changes: TokenClaims = {}): string => signToken(key, claims(changes));

/** Who somebody with this token is. */
const whoami = (text: string, rest: object = { as: NOBODY }): Step =>
  create('/apis/authentication.k8s.io/v1/selfsubjectreviews', review('SelfSubjectReview'), {
    headers: { authorization: `Bearer ${text}` },
    pick: (body: Json) => withoutHash(body.status?.userInfo ?? body),
    ...rest,
  });
const withoutHash = (value: Json): Json =>
  JSON.parse(JSON.stringify(value).replace(/X509SHA256=[0-9a-f]{64}/, '<hash>'));
const review = (kind: string, spec?: object): Json => ({
  apiVersion: 'authentication.k8s.io/v1',
  kind,
  ...(spec === undefined ? {} : { spec }),
});
const tokenReview = (spec: object): HttpStep =>
  create('/apis/authentication.k8s.io/v1/tokenreviews', review('TokenReview', spec), {
    pick: (body: Json) => body.status,
  });

const byPassword = (): string => {
  const text = `${encode({ alg: 'HS256', kid })}.${encode(claims({}))}`;
  const secret = createPublicKey(key.privateKey).export({ type: 'spki', format: 'pem' });
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
};

interactions('ID tokens', {
  'of a user': [whoami(token())],
  'of a user with groups': [whoami(token({ groups: ['staff', 'ops'] }))],
  'with one group as text': [whoami(token({ groups: 'staff' }))],
  'with groups that are none': [whoami(token({ groups: null })), whoami(token({ groups: [] }))],
  'with groups that are no text': [whoami(token({ groups: [1] })), whoami(token({ groups: { a: 'b' } }))],
  'for several clients': [whoami(token({ aud: ['grafana', 'hostler'] }))],
  'for another client': [whoami(token({ aud: 'grafana' })), whoami(token({ aud: [] })), whoami(token({ aud: null }))],
  'of another issuer': [whoami(token({ iss: `${url}/` })), whoami(token({ iss: null }))],
  'that are over': [whoami(token({ exp: soon - 7200 })), whoami(token({ exp: undefined }))],
  'that begin in half a minute': [whoami(token({ nbf: soon - 3570 }))],
  'that begin in an hour': [whoami(token({ nbf: soon }))],
  'without a required claim': [whoami(token({ org: undefined })), whoami(token({ org: 'evil' }))],
  'with a required claim that is no text': [whoami(token({ org: ['acme'] }))],
  'without a user': [whoami(token({ sub: undefined })), whoami(token({ sub: 7 }))],
  'with an address that is not verified': [whoami(token({ email: 'a@b', email_verified: false }))],
  'of a key that the issuer does not have': [whoami(signToken(tokenKey(), claims({})))],
  'of another key by the name of the issuer’s': [whoami(signToken(tokenKey('RS256', kid), claims({})))],
  'by an algorithm that is not wanted': [whoami(signToken(tokenKey('ES256', kid), claims({})))],
  'without a signature': [whoami(`${encode({ alg: 'none' })}.${encode(claims({}))}.`)],
  'signed with the public key as password': [whoami(byPassword())],
  'beside a client certificate': [
    whoami(token(), { as: { name: 'joe' } }),
    whoami('nonsense', { as: { name: 'joe' } }),
  ],
  'asked about': [
    tokenReview({ token: token({ groups: ['staff'] }) }),
    tokenReview({ token: token(), audiences: ['https://kubernetes.default.svc.cluster.local', 'vault'] }),
    tokenReview({ token: token(), audiences: ['vault'] }),
  ],
});

const BOOTSTRAP = '/api/v1/namespaces/kube-system/secrets';

interactions('bootstrap tokens', {
  'asked about': [
    create(BOOTSTRAP, {
      metadata: { name: 'bootstrap-token-abcdef' },
      type: 'bootstrap.kubernetes.io/token',
      stringData: {
        'token-id': 'abcdef',
        'token-secret': '0123456789abcdef',
        'usage-bootstrap-authentication': 'true',
      },
    }),
    {
      ...tokenReview({ token: 'abcdef.0123456789abcdef' }),
      until: ({ body }) => (body as Json).status?.authenticated === true,
    },
    tokenReview({ token: 'abcdef.0123456789abcdef', audiences: ['vault'] }),
    tokenReview({
      token: 'abcdef.0123456789abcdef',
      audiences: ['vault', 'https://kubernetes.default.svc.cluster.local'],
    }),
    remove(`${BOOTSTRAP}/bootstrap-token-abcdef`),
  ],
});
