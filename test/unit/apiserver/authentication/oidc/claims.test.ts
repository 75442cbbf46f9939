import { describe, expect, it } from 'vitest';
import { checkClaims, userOfClaims } from '../../../../../src/apiserver/authentication/oidc/claims.ts';
import type { JsonValue } from '../../../../../src/apiserver/codec/json.ts';
import type { OidcSettings } from '../../../../../src/apiserver/authentication/oidc/settings.ts';

const NOW = 1_800_000_000;
const settings = (changes: Partial<OidcSettings> = {}): OidcSettings => ({
  issuerUrl: 'https://login.example.com',
  clientId: 'hostler',
  usernameClaim: 'sub',
  usernamePrefix: 'oidc:',
  groupsClaim: 'groups',
  groupsPrefix: 'oidc:',
  requiredClaims: {},
  signingAlgorithms: ['RS256'],
  keys: { from: 'discovery' },
  ...changes,
});
/** What a case changes in the settings. */
type Wanted = Partial<OidcSettings>;
type Claims = Record<string, JsonValue>;
const claims = { iss: 'https://login.example.com', aud: 'hostler', exp: NOW + 60, sub: 'jane' };

describe('the claims of an ID token', () => {
  it.each<[string, Claims, Wanted?]>([
    ['one audience', {}],
    ['several audiences', { aud: ['grafana', 'hostler'] }],
    ['the last moment', { exp: NOW }],
    ['a clock that is a minute ahead', { nbf: NOW + 60 }],
    ['a required claim', { org: 'acme' }, { requiredClaims: { org: 'acme' } }],
  ])('are good with %s', (_, changed, wanted = {}) => {
    expect(() => checkClaims({ ...claims, ...changed }, settings(wanted), NOW)).not.toThrow();
  });

  it.each<[string, Claims, string, Record<string, string>?]>([
    ['another issuer', { iss: 'https://login.example.com/' }, 'iss is another issuer'],
    ['another audience', { aud: ['grafana'] }, 'aud does not name this client id'],
    ['an end that has passed', { exp: NOW - 1 }, 'exp has passed'],
    ['no end', { exp: null }, 'exp has passed'],
    ['an end that is text', { exp: String(NOW + 60) }, 'exp has passed'],
    ['a beginning that is far off', { nbf: NOW + 61 }, 'nbf is still to come'],
    ['no required claim', {}, 'the required claim org is missing or has another value', { org: 'acme' }],
    ['another required claim', { org: 'evil' }, 'the required claim org is missing or has another value', { org: 'x' }],
    ['a required claim that is no text', { org: true }, 'the required claim org is missing', { org: 'true' }],
  ])('are refused with %s', (_, changed, why, requiredClaims = {}) => {
    expect(() => checkClaims({ ...claims, ...changed }, settings({ requiredClaims }), NOW)).toThrow(why);
  });
});

describe('the user of an ID token', () => {
  it.each<[string, Claims, Wanted, { name: string; groups: string[] }]>([
    ['a prefix before both', { groups: ['a', 'b'] }, {}, { name: 'oidc:jane', groups: ['oidc:a', 'oidc:b'] }],
    ['one group as text', { groups: 'a' }, {}, { name: 'oidc:jane', groups: ['oidc:a'] }],
    ['no groups', {}, {}, { name: 'oidc:jane', groups: [] }],
    ['no prefixes', { groups: ['a'] }, { usernamePrefix: '', groupsPrefix: '' }, { name: 'jane', groups: ['a'] }],
    ['groups that nobody asked for', { groups: ['a'] }, { groupsClaim: '' }, { name: 'oidc:jane', groups: [] }],
    ['another claim', { name: 'J' }, { usernameClaim: 'name' }, { name: 'oidc:J', groups: [] }],
    [
      'an address, unsaid whether verified',
      { email: 'j@x' },
      { usernameClaim: 'email' },
      { name: 'oidc:j@x', groups: [] },
    ],
    [
      'a verified address',
      { email: 'j@x', email_verified: true },
      { usernameClaim: 'email' },
      { name: 'oidc:j@x', groups: [] },
    ],
    ['an unverified address elsewhere', { email_verified: false }, {}, { name: 'oidc:jane', groups: [] }],
    [
      'groups of Kubernetes itself',
      { groups: ['system:masters', 'a'] },
      { groupsPrefix: '' },
      { name: 'oidc:jane', groups: ['a'] },
    ],
  ])('has %s', (_, changed, wanted, { name, groups }) => {
    const user = userOfClaims({ ...claims, ...changed }, settings(wanted));
    expect(user).toEqual({ name, groups: [...groups, 'system:authenticated'] });
  });

  it.each<[string, Claims, Wanted, string]>([
    ['no name', { sub: null }, {}, 'the user name claim sub is missing'],
    ['an empty name', { sub: '' }, {}, 'the user name claim sub is missing'],
    ['a name that is a number', { sub: 7 }, {}, 'the user name claim sub is missing or no text'],
    ['a name of Kubernetes itself', { sub: 'system:admin' }, { usernamePrefix: '' }, 'begins with system:'],
    ['an unverified address', { email: 'j@x', email_verified: false }, { usernameClaim: 'email' }, 'not verified'],
    [
      'a verification that is text',
      { email: 'j@x', email_verified: 'true' },
      { usernameClaim: 'email' },
      'not verified',
    ],
    ['groups that are no text', { groups: [1] }, {}, 'the groups claim groups is no text or list of texts'],
  ])('is refused with %s', (_, changed, wanted, why) => {
    expect(() => userOfClaims({ ...claims, ...changed }, settings(wanted))).toThrow(why);
  });
});
