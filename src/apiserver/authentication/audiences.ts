/** Issuer of our tokens, and their audience unless another is asked for. */
export const ISSUER = 'https://kubernetes.default.svc.cluster.local';

/**
 * Of the wanted audiences (none = this server) those that a token is for which itself names none: this server alone.
 * Empty = the token is not for them.
 */
export function audiencesOfPlainToken(wanted: readonly string[]): string[] {
  return wanted.length === 0 || wanted.includes(ISSUER) ? [ISSUER] : [];
}
