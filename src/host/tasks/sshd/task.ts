import type { EffectiveServer } from '../../../api/effective.ts';
import type { Task } from '../../task.ts';
import { applySshd, explainSshd } from './apply.ts';
import { diffSshd, type SshdWant } from './diff.ts';
import { sshdFacts, type SshdHave } from './facts.ts';

/** The SSH server's declared settings, in a drop-in of Hostler's own; everything else in its files is left alone. */
export const sshd: Task<SshdWant, Partial<SshdHave>> = {
  name: 'sshd',
  area: 'Hardening',
  facts: sshdFacts,
  want: wantOf,
  diff: diffSshd,
  apply: applySshd,
  explain: explainSshd,
};

function wantOf({ hardening, ssh }: EffectiveServer): SshdWant | undefined {
  if (hardening?.sshd === undefined) return undefined;
  return { sshd: hardening.sshd, user: ssh.user, byPassword: ssh.auth.passwordSecretRef !== undefined };
}
