/** Names and groups that begin so are the server's own to give. */
export const RESERVED_PREFIX = 'system:';

/** Whose ID tokens are taken, and what of them becomes the user. */
export interface OidcSettings {
  /** `https://…`, to the letter as in the `iss` of the tokens. */
  issuerUrl: string;
  /** Must be in `aud`. */
  clientId: string;
  usernameClaim: string;
  /** '' = none. */
  usernamePrefix: string;
  /** '' = tokens say nothing about groups. */
  groupsClaim: string;
  groupsPrefix: string;
  /** Claims that must have exactly this text. */
  requiredClaims: Readonly<Record<string, string>>;
  signingAlgorithms: readonly string[];
  /** Where the issuer's public keys are: found by discovery (`ca` in PEM; default: the system's), or in a file. */
  keys: { from: 'discovery'; ca?: string } | { from: 'file'; path: string };
}
