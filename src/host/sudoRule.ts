import { TransientError } from '../lib/errors.ts';
import type { Session } from '../ssh/session.ts';
import { exitCodes } from './exitCodes.ts';
import { explainFailure, saidBy } from './failures.ts';
import { claimArgs, runClaimed, type Claim } from './ownership.ts';
import { ownedScript } from './ownershipScript.ts';
import { FAIL } from './providers/apt.ts';

const TIMEOUT_MS = 30_000;

/** Writes a rule for user $1, checked by visudo first; sudo reads no file with a dot in its name. */
const WRITE = `${FAIL}
uid=$(id -u "$1" 2>/dev/null) || fail ${exitCodes.userMissing} "there is no user $1"
[ -d /etc/sudoers.d ] && command -v visudo >/dev/null 2>&1 || fail ${exitCodes.configRejected} 'sudo on this host has no /etc/sudoers.d'
rule=/etc/sudoers.d/hostler-$uid
trap 'rm -f "$rule.new"' EXIT
umask 077
printf '#%s ALL=(ALL:ALL) NOPASSWD: ALL\\n' "$uid" >"$rule.new"
chmod 0440 "$rule.new"
problem=$(visudo -c -q -f "$rule.new" 2>&1) || fail ${exitCodes.configRejected} "$problem"
sync "$rule.new" 2>/dev/null || sync
mv "$rule.new" "$rule"
`;

/** Takes the rule for user $1 back. */
const TAKE_BACK = `
rm -f "/etc/sudoers.d/hostler-$(id -u "$1")"
`;

/** As the user, with nothing remembered of an earlier password. */
const PROVE = 'sudo -k; sudo -n true';

/**
 * Lets `user`, who logs in and has to give sudo a password, use it without one. What does not work is taken back.
 * @throws TransientError ConfigRejected  when sudo refuses the rule, or another one overrides it; what the claim throws.
 */
export async function allowSudo(
  session: Session,
  user: string,
  { claim, signal }: { claim: Claim; signal: AbortSignal },
): Promise<void> {
  const asRoot = (name: string, body: string) =>
    runClaimed(
      session,
      (mode) => ({ name, text: ownedScript(body), args: [...claimArgs(claim.owner, mode), user] }),
      claim,
      { timeoutMs: TIMEOUT_MS, signal },
    );
  const written = await asRoot('sudo-rule', WRITE);
  if (written.exitCode === exitCodes.configRejected || written.exitCode === exitCodes.userMissing)
    throw refused(saidBy(written.stderr) ?? 'sudo refuses the rule');
  if (written.exitCode !== 0) throw explainFailure('Writing a sudo rule', written);
  const proof = await session.run({ name: 'sudo-proof', text: PROVE }, { asUser: true, timeoutMs: TIMEOUT_MS, signal });
  if (proof.exitCode === 0) return;
  await asRoot('sudo-rule-back', TAKE_BACK);
  throw refused('with the rule in place sudo still asks for a password, so it was taken back');
}

function refused(why: string): TransientError {
  return new TransientError('ConfigRejected', `The user cannot be let use sudo without a password: ${why}.`, {
    remedy: 'Look at /etc/sudoers and /etc/sudoers.d on the host; Hostler goes on with the password.',
  });
}
