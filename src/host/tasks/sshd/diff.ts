import type { Sshd } from '../../../api/hardeningSpec.ts';
import type { Reason } from '../../../api/reasons.ts';
import { cannotConfirm } from '../../confirm.ts';
import type { HostFacts } from '../../facts.ts';
import type { Change, Difference, Obstacle } from '../../task.ts';
import { deviationsOf, isInPlace, ownFiles, portsOf, unheard, type Deviation } from './config.ts';
import type { SshdHave } from './facts.ts';
import { DROP_IN, MAIN_FILE } from './settings.ts';

/** What is declared, and how Hostler itself logs in. */
export interface SshdWant {
  sshd: Sshd;
  user: string;
  byPassword: boolean;
}

type Have = Partial<SshdHave>;

/** Compares; refuses what would shut Hostler out, and what the host would not let take effect. */
export function diffSshd(want: SshdWant, have: Have, host: HostFacts): Difference {
  const obstacle = shutsOut(want) ?? cannotConfirm('Hardening', host) ?? whyUnknown(have) ?? portTaken(want.sshd, have);
  if (obstacle !== undefined) return { changes: [], obstacles: [obstacle] };
  const deviations = deviationsOf(want.sshd, have);
  if (deviations.length === 0) return { changes: [], obstacles: [] };
  const change = configChange(want.sshd, have, deviations);
  const unread = change && unreadFiles(have);
  if (unread !== undefined) return { changes: [], obstacles: [unread] };
  if (change !== undefined) return { changes: [change], obstacles: [] };
  return { changes: [], obstacles: deviations.map((deviation) => overridden(deviation, have)) };
}

function obstacle(reason: Reason, message: string, terminal = false): Obstacle {
  return { area: 'Hardening', reason, message, terminal };
}

/** Settings under which Hostler's own login could not succeed. */
function shutsOut({ sshd, user, byPassword }: SshdWant): Obstacle | undefined {
  const refuse = (field: string, login: string): Obstacle =>
    obstacle('InvalidSpec', `spec.hardening.sshd.${field}, but ${login}: Hostler would lock itself out.`, true);
  const password = 'spec.ssh.auth.passwordSecretRef says that Hostler logs in by password';
  if (byPassword && sshd.passwordAuthentication === 'Disabled')
    return refuse('passwordAuthentication is Disabled', password);
  if (user !== 'root') return undefined;
  if (sshd.permitRootLogin === 'Denied')
    return refuse('permitRootLogin is Denied', 'spec.ssh.user says that Hostler logs in as root');
  return byPassword && sshd.permitRootLogin === 'KeyOnly' ? refuse('permitRootLogin is KeyOnly', password) : undefined;
}

function whyUnknown({ installed, effective, problem }: Have): Obstacle | undefined {
  if (effective !== undefined) return undefined;
  if (installed !== true)
    return obstacle('Unsupported', 'The SSH server of the host is not OpenSSH, or its sshd was not found.');
  const said = problem === undefined ? 'it could not be asked' : `it says: ${problem}`;
  return obstacle(
    'ConfigInvalid',
    `sshd -T on the host does not tell its configuration; ${said}. Put its files right on the host.`,
  );
}

function portTaken({ ports = [] }: Sshd, have: Have): Obstacle | undefined {
  const mine = portsOf(have);
  for (const { port, process, pid } of have.listeners ?? []) {
    if (!ports.includes(port) || mine.includes(port) || process === 'sshd') continue;
    const who = process === undefined ? 'another process' : `${process} (pid ${pid ?? 'unknown'})`;
    const message = `spec.hardening.sshd.ports has ${port}, but ${who} holds that port on the host. Stop it, or choose another port.`;
    return obstacle('PortConflict', message);
  }
  return undefined;
}

/** What a reload would put in force beside our own change could not be taken back by taking ours back. */
function unreadFiles({ unread = [] }: Have): Obstacle | undefined {
  if (unread.length === 0) return undefined;
  const files = unread.slice(0, 5).join(', ');
  const message = `Somebody changed ${files} after sshd last read its files, so that a reload for spec.hardening.sshd could lock everybody out. Reload sshd on the host yourself, with a session kept open until another login worked; Hostler goes on then.`;
  return obstacle('ForeignConfig', message);
}

/** Undefined: every file is as it should be already. */
function configChange(sshd: Sshd, have: Have, deviations: readonly Deviation[]): Change | undefined {
  const { ports = [] } = sshd;
  const files = ownFiles(sshd, have);
  if (isInPlace(files, have) && unheard(ports, have).length === 0) return undefined;
  const show = (key: 'found' | 'wanted'): string =>
    deviations.map((one) => `${one.keyword} ${one[key] === '' ? 'unset' : one[key]}`).join('; ');
  const fields = [...new Set(deviations.map(({ field }) => field))].join(', ');
  return {
    name: 'sshd/config',
    area: 'Hardening',
    what: `set ${deviations.map(({ keyword }) => keyword).join(', ')} in ${DROP_IN} and reload sshd`,
    from: show('found'),
    to: show('wanted'),
    why: `spec.hardening.sshd has ${fields}`,
    disruption: 'Reload',
    expectedGapSeconds: 0,
    params: { ...files, ports: ports.join(' ') },
  };
}

/** Hostler's files are in place, and sshd takes the value from elsewhere. */
function overridden({ field, keyword, wanted, found }: Deviation, { foreign = [] }: Have): Obstacle {
  const keywords = keyword === 'Port' ? ['port', 'listenaddress'] : [keyword.toLowerCase()];
  const lines = foreign
    .filter((line) => keywords.includes(line.keyword))
    .map(({ place, value }) => `${place} (${value})`);
  const where = lines.length === 0 ? `a file that ${MAIN_FILE} includes` : lines.slice(0, 5).join(', ');
  const effect = keyword === 'Port' ? 'ports of all files add up' : 'sshd takes the first value that it reads';
  const message = `spec.hardening.sshd.${field} asks for ${keyword} ${wanted}, but sshd has ${found}: ${effect}. Look at ${where}, and take that line out on the host.`;
  return obstacle('ForeignConfig', message);
}
