import type { Sshd } from '../../../api/hardeningSpec.ts';

/** The file that is Hostler's own; sorts first, since sshd takes the first value that it reads. */
export const DROP_IN = '/etc/ssh/sshd_config.d/00-hostler.conf';
export const MAIN_FILE = '/etc/ssh/sshd_config';

/** One line of sshd_config that the spec asks for. */
export interface Setting {
  /** Member of spec.hardening.sshd. */
  field: string;
  keyword: string;
  value: string;
  /** How `sshd -T` may print the value. */
  shown: readonly string[];
  /** Only for versions of sshd that know the keyword. */
  optional?: boolean;
}

const rootLogin: Readonly<Record<NonNullable<Sshd['permitRootLogin']>, Pick<Setting, 'value' | 'shown'>>> = {
  Allowed: { value: 'yes', shown: ['yes'] },
  KeyOnly: { value: 'prohibit-password', shown: ['prohibit-password', 'without-password'] },
  Denied: { value: 'no', shown: ['no'] },
};

/** What is declared, as keywords of sshd_config(5); all but the ports, which add up instead of overriding each other. */
export function settingsOf({ passwordAuthentication, permitRootLogin, maxAuthTries, clientAlive }: Sshd): Setting[] {
  const number = (field: string, keyword: string, value: number | undefined): Setting[] =>
    value === undefined ? [] : [{ field, keyword, value: String(value), shown: [String(value)] }];
  return [
    ...passwords(passwordAuthentication),
    ...(permitRootLogin === undefined
      ? []
      : [{ field: 'permitRootLogin', keyword: 'PermitRootLogin', ...rootLogin[permitRootLogin] }]),
    ...number('maxAuthTries', 'MaxAuthTries', maxAuthTries),
    ...number('clientAlive.intervalSeconds', 'ClientAliveInterval', clientAlive?.intervalSeconds),
    ...number('clientAlive.countMax', 'ClientAliveCountMax', clientAlive?.countMax),
  ];
}

/** ChallengeResponseAuthentication is what keyboard-interactive was called up to OpenSSH 8.6. */
function passwords(declared: Sshd['passwordAuthentication']): Setting[] {
  if (declared === undefined) return [];
  const field = 'passwordAuthentication';
  if (declared === 'Enabled') return [{ field, keyword: 'PasswordAuthentication', value: 'yes', shown: ['yes'] }];
  const off = { field, value: 'no', shown: ['no'] };
  return [
    { ...off, keyword: 'PasswordAuthentication' },
    { ...off, keyword: 'KbdInteractiveAuthentication' },
    { ...off, keyword: 'ChallengeResponseAuthentication', optional: true },
  ];
}
