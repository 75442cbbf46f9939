import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { type OidcFlags, type OidcTarget, oidcTarget, withOidcOptions } from '../../../src/cli/oidcOptions.ts';

const ISSUER = 'https://login.example.com';
const BOTH = ['--oidc-issuer-url', ISSUER, '--oidc-client-id', 'hostler'];

/** What the flags mean, as the command line gives them. */
function target(...args: string[]): OidcTarget | undefined {
  const command = withOidcOptions(new Command('serve'))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return oidcTarget(command.parse(args, { from: 'user' }).opts<OidcFlags>());
}

describe('the flags for OIDC', () => {
  it('mean nobody’s tokens when there are none', () => {
    expect(target()).toBeUndefined();
  });

  it('have the defaults of kube-apiserver', () => {
    expect(target(...BOTH)).toEqual({
      issuerUrl: ISSUER,
      clientId: 'hostler',
      usernameClaim: 'sub',
      usernamePrefix: `${ISSUER}#`,
      groupsClaim: '',
      groupsPrefix: '',
      requiredClaims: {},
      signingAlgorithms: ['RS256'],
      keys: { from: 'discovery' },
    });
  });

  it.each([
    [[], `${ISSUER}#`],
    [['--oidc-username-claim', 'email'], ''],
    [['--oidc-username-claim', 'name'], `${ISSUER}#`],
    [['--oidc-username-prefix', '-'], ''],
    [['--oidc-username-prefix=-', '--oidc-username-claim=email'], ''],
    [['--oidc-username-prefix', 'acme:', '--oidc-username-claim', 'email'], 'acme:'],
  ])('prefix user names by %j with "%s"', (args, prefix) => {
    expect(target(...BOTH, ...args)?.usernamePrefix).toBe(prefix);
  });

  it('collect required claims, algorithms and the file of keys', () => {
    const claims = ['--oidc-required-claim', 'org=acme', '--oidc-required-claim', 'query=a=b'];
    const more = ['--oidc-signing-algs', 'ES256, PS512', '--oidc-jwks-file', 'keys.json'];
    expect(target(...BOTH, ...claims, ...more)).toMatchObject({
      requiredClaims: { org: 'acme', query: 'a=b' },
      signingAlgorithms: ['ES256', 'PS512'],
      keys: { from: 'file', path: 'keys.json' },
    });
  });

  it.each([
    [['--oidc-issuer-url', ISSUER], '--oidc-issuer-url and --oidc-client-id belong together'],
    [['--oidc-groups-claim', 'groups'], '--oidc-issuer-url and --oidc-client-id belong together'],
    [['--oidc-issuer-url', 'http://login.example.com'], 'is not an https URL'],
    [['--oidc-issuer-url', 'https://a:b@login.example.com'], 'no user, password'],
    [['--oidc-issuer-url', `${ISSUER}/?realm=a`], 'query or fragment'],
    [['--oidc-issuer-url', 'https://kubernetes.default.svc.cluster.local'], 'ServiceAccount tokens'],
    [['--oidc-signing-algs', 'HS256'], '"HS256" is none of RS256'],
    [['--oidc-signing-algs', 'none'], '"none" is none of RS256'],
    [['--oidc-required-claim', 'org'], '"org" is not key=value'],
    [[...BOTH, '--oidc-username-prefix', 'system:x'], '--oidc-username-prefix "system:x"'],
    [[...BOTH, '--oidc-groups-prefix', 'system:'], '--oidc-groups-prefix "system:"'],
    [[...BOTH, '--oidc-ca-file', '/nowhere'], '--oidc-ca-file /nowhere: '],
    [[...BOTH, '--oidc-ca-file', 'package.json'], 'not a PEM certificate'],
    [[...BOTH, '--oidc-ca-file', 'a', '--oidc-jwks-file', 'b'], 'has no effect with --oidc-jwks-file'],
  ])('are refused as %j', (args, message) => {
    expect(() => target(...args)).toThrow(message);
  });
});
