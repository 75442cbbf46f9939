import { type Command, InvalidArgumentError } from 'commander';
import { readCertificate, usage } from './flagFiles.ts';

/** The flags that say whose ID tokens are taken, named as those of kube-apiserver; all absent = nobody's. */
export interface OidcFlags {
  oidcIssuerUrl?: string;
  oidcClientId?: string;
  oidcUsernameClaim?: string;
  oidcUsernamePrefix?: string;
  oidcGroupsClaim?: string;
  oidcGroupsPrefix?: string;
  oidcRequiredClaim?: Record<string, string>;
  oidcSigningAlgs?: string[];
  oidcCaFile?: string;
  oidcJwksFile?: string;
}

/** {@link OidcFlags}, checked and with their defaults. */
export interface OidcTarget {
  issuerUrl: string;
  clientId: string;
  usernameClaim: string;
  usernamePrefix: string;
  groupsClaim: string;
  groupsPrefix: string;
  requiredClaims: Record<string, string>;
  signingAlgorithms: string[];
  keys: { from: 'discovery'; ca?: string } | { from: 'file'; path: string };
}

/** What kube-apiserver takes; a symmetric algorithm would make a password of a public key. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'];
/** The issuer of this server's own tokens. */
const OWN_ISSUER = 'https://kubernetes.default.svc.cluster.local';
/** Users and groups that begin so are Kubernetes' own. */
const RESERVED = 'system:';

/** Adds the `--oidc-…` flags. */
export function withOidcOptions(command: Command): Command {
  return command
    .option('--oidc-issuer-url <url>', 'take ID tokens of this OpenID Connect issuer (https)', issuer)
    .option('--oidc-client-id <id>', 'the client that the tokens must be for (claim aud)')
    .option('--oidc-username-claim <claim>', 'claim that is the user name (default: "sub")')
    .option('--oidc-username-prefix <text>', 'before user names; "-" = nothing (default: "ISSUER#", nothing for email)')
    .option('--oidc-groups-claim <claim>', 'claim that is the groups, a text or a list (default: no groups)')
    .option('--oidc-groups-prefix <text>', 'before groups, such as "oidc:"')
    .option('--oidc-required-claim <key=value>', 'refuse tokens without this claim; may be given again', requiredClaim)
    .option('--oidc-signing-algs <list>', `of ${ALGORITHMS.join(', ')} (default: RS256)`, algorithms)
    .option('--oidc-ca-file <file>', 'PEM authorities for the certificate of the issuer (default: the system’s)')
    .option('--oidc-jwks-file <file>', 'the issuer’s public keys (JSON Web Key Set), where it cannot be reached');
}

/**
 * What `flags` ask for; undefined when nothing.
 * @throws CliError usage  that names the flag, what is wrong and what to do.
 */
export function oidcTarget(flags: OidcFlags): OidcTarget | undefined {
  const { oidcIssuerUrl: issuerUrl, oidcClientId: clientId = '' } = flags;
  if (issuerUrl === undefined || clientId === '') {
    refuseLonely(flags);
    return undefined;
  }
  const { oidcUsernameClaim: usernameClaim = 'sub' } = flags;
  return {
    issuerUrl,
    clientId,
    usernameClaim,
    usernamePrefix: notReserved('--oidc-username-prefix', usernamePrefix(flags, issuerUrl, usernameClaim)),
    groupsClaim: flags.oidcGroupsClaim ?? '',
    groupsPrefix: notReserved('--oidc-groups-prefix', flags.oidcGroupsPrefix ?? ''),
    requiredClaims: flags.oidcRequiredClaim ?? {},
    signingAlgorithms: flags.oidcSigningAlgs ?? ['RS256'],
    keys: keys(flags),
  };
}

function refuseLonely(flags: OidcFlags): void {
  const given = Object.keys(flags).some((name) => name.startsWith('oidc'));
  if (given) throw usage('--oidc-issuer-url and --oidc-client-id belong together, and to every other --oidc flag.');
}

/** Every claim but email is only unique at its issuer. */
function usernamePrefix({ oidcUsernamePrefix: given = '' }: OidcFlags, issuerUrl: string, claim: string): string {
  if (given === '-') return '';
  return given === '' && claim !== 'email' ? `${issuerUrl}#` : given;
}

function notReserved(flag: string, prefix: string): string {
  if (!prefix.startsWith(RESERVED)) return prefix;
  throw usage(`${flag} "${prefix}": what begins with ${RESERVED} is Kubernetes’ own; take another such as "oidc:".`);
}

function keys({ oidcCaFile, oidcJwksFile }: OidcFlags): OidcTarget['keys'] {
  if (oidcJwksFile === undefined) {
    if (oidcCaFile === undefined) return { from: 'discovery' };
    return { from: 'discovery', ca: readCertificate('--oidc-ca-file', oidcCaFile).pem.toString() };
  }
  if (oidcCaFile === undefined) return { from: 'file', path: oidcJwksFile };
  throw usage('--oidc-ca-file has no effect with --oidc-jwks-file, as nobody asks the issuer: give one of them.');
}

function issuer(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:')
    throw new InvalidArgumentError(`"${text}" is not an https URL such as https://login.example.com.`);
  if (url.username + url.password !== '' || /[?#]/.test(text))
    throw new InvalidArgumentError('An issuer has no user, password, query or fragment: leave it out.');
  if (text === OWN_ISSUER)
    throw new InvalidArgumentError('This is the issuer of this server’s ServiceAccount tokens: name the other one.');
  return text;
}

function requiredClaim(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new InvalidArgumentError(`"${text}" is not key=value.`);
  return { ...before, [key]: value };
}

function algorithms(text: string): string[] {
  const list = text.split(',').map((one) => one.trim());
  const unknown = list.find((one) => !ALGORITHMS.includes(one));
  if (unknown !== undefined) throw new InvalidArgumentError(`"${unknown}" is none of ${ALGORITHMS.join(', ')}.`);
  return list;
}
