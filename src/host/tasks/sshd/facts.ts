import type { PortHolder } from '../../facts.ts';
import { holdersOfLine } from '../../facts/access.ts';
import { present } from '../../facts/present.ts';
import type { Records } from '../../records.ts';
import type { FactFragment } from '../../task.ts';
import { DROP_IN, MAIN_FILE } from './settings.ts';

/** A line of somebody else in the files that sshd reads. */
interface ForeignLine {
  /** `/etc/ssh/sshd_config:14`. */
  place: string;
  /** Lower case. */
  keyword: string;
  value: string;
}

/** The unit that listens in sshd's stead. */
interface SocketUnit {
  /** `ssh.socket`. */
  name: string;
  ports: readonly number[];
  /** Text of Hostler's drop-in for it; undefined: there is none. */
  dropIn: string | undefined;
}

/** What was found of sshd; a member that is absent could not be looked at, or is not there. */
export interface SshdHave {
  /** False: there is no sshd where one would be. */
  installed: boolean;
  /** What `sshd -T` prints, by keyword in lower case. */
  effective: ReadonlyMap<string, readonly string[]>;
  /** What it printed instead. */
  problem: string;
  /** Text of {@link DROP_IN}; undefined: not there. */
  dropIn: string;
  /** The main file reads {@link DROP_IN}. */
  included: boolean;
  /** In the order in which sshd reads them. */
  foreign: readonly ForeignLine[];
  /** Files of somebody else that changed after sshd had read its configuration. */
  unread: readonly string[];
  socket: SocketUnit;
  /** Every listener; undefined: without ss nobody knows. */
  listeners: readonly PortHolder[];
}

/** Hostler's drop-in for a socket unit: sorts last, since there the last value wins. */
export const socketDropIn = (unit: string): string => `/etc/systemd/system/${unit}.d/zz-hostler.conf`;

/** Keywords that other files may set. */
const KEYWORDS =
  'Port|ListenAddress|PasswordAuthentication|KbdInteractiveAuthentication|ChallengeResponseAuthentication|PermitRootLogin|MaxAuthTries|ClientAliveInterval|ClientAliveCountMax';

/**
 * The configuration as sshd itself sees it, for a user whom no Match block names. It costs 20 ms, which is less than
 * finding out by signatures whether it may have changed.
 */
const FACTS = `
sshd=$(command -v sshd || :)
for candidate in /usr/sbin/sshd /usr/local/sbin/sshd; do
  if [ -z "$sshd" ] && [ -x "$candidate" ]; then sshd=$candidate; fi
done
put sshd "$sshd"
if [ -n "$sshd" ]; then
  effective() { "$sshd" -T -C user=hostler,host=hostler.invalid,addr=192.0.2.1 2>&1; }
  run effective effective
fi
file drop-in ${DROP_IN}
file main ${MAIN_FILE}
run lines grep -HinE '^[[:space:]]*(${KEYWORDS})([[:space:]]|=)' ${MAIN_FILE} /etc/ssh/sshd_config.d/*.conf
# sshd writes its process id anew whenever it reads its files
run unread find ${MAIN_FILE} /etc/ssh/sshd_config.d -type f '(' -name sshd_config -o -name '*.conf' ')' ! -path ${DROP_IN} -newer /run/sshd.pid
if [ -d /run/systemd/system ]; then
  run sockets systemctl show -p Id -p ActiveState -p Listen ssh.socket sshd.socket
  file socket.ssh ${socketDropIn('ssh.socket')}
  file socket.sshd ${socketDropIn('sshd.socket')}
fi
if command -v ss >/dev/null 2>&1; then run listeners ss -H -l -t -n -p; fi
`;

export const sshdFacts: readonly FactFragment<Partial<SshdHave>>[] = [{ script: FACTS, parse }];

function parse(records: Records): Partial<SshdHave> {
  const main = records.text('main');
  const included = main === undefined ? undefined : readsDropIn(main);
  return present({
    installed: (records.text('sshd') ?? '') !== '',
    ...answerOf(records),
    dropIn: records.text('drop-in'),
    included,
    foreign: linesOf(records, 'lines').flatMap((line) => foreignLine(line, included === true)),
    unread: linesOf(records, 'unread').filter((line) => line.startsWith('/')),
    socket: socketOf(records),
    listeners: records.lines('listeners')?.flatMap(holdersOfLine),
  });
}

/** Whatever grep and find ended with: files that are missing are no reason to disbelieve the others. */
function linesOf(records: Records, name: string): string[] {
  return (records.entry(name)?.text ?? '').split('\n');
}

function answerOf(records: Records): Pick<Partial<SshdHave>, 'effective' | 'problem'> {
  const answer = records.entry('effective');
  if (answer === undefined) return {};
  return answer.status === 0 ? { effective: effectiveOf(answer.text) } : { problem: answer.text.trim().slice(0, 500) };
}

/** Lines `keyword value`; some keywords come more than once. */
function effectiveOf(text: string): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, keyword, value] = /^([a-z0-9]{1,64}) (.{1,256})$/.exec(line.trim()) ?? [];
    if (keyword !== undefined && value !== undefined) values.set(keyword, [...(values.get(keyword) ?? []), value]);
  }
  return values;
}

/** Whether an Include outside of any Match block covers the drop-in. Source: sshd_config(5), Include and Match. */
function readsDropIn(main: string): boolean {
  for (const line of main.split('\n')) {
    const [, keyword = '', value = ''] = /^\s*(\w{1,64})[\s=]+(.*)$/.exec(line) ?? [];
    if (keyword.toLowerCase() === 'match') return false;
    if (keyword.toLowerCase() === 'include' && covers(value)) return true;
  }
  return false;
}

function covers(patterns: string): boolean {
  const names = ['*.conf', '*', '00-hostler.conf'].flatMap((name) => [
    `/etc/ssh/sshd_config.d/${name}`,
    `sshd_config.d/${name}`,
  ]);
  return patterns.split(/\s+/).some((pattern) => names.includes(pattern.replaceAll('"', '')));
}

/** `FILE:NUMBER:KEYWORD VALUE` of grep, with or without quotes and a comment. */
const GREP_LINE = /^(\/[^:]{1,256}):(\d{1,6}):\s*(\w{1,64})[\s=]+"?([^"#]{1,256}?)"?\s*(?:#.*)?$/;

/** A line that sshd reads; drop-ins count only where they are read. */
function foreignLine(line: string, included: boolean): ForeignLine[] {
  const [, file, number, keyword = '', value = ''] = GREP_LINE.exec(line) ?? [];
  if (file === undefined || number === undefined || file === DROP_IN) return [];
  if (file !== MAIN_FILE && !included) return [];
  return [{ place: `${file}:${number}`, keyword: keyword.toLowerCase(), value }];
}

/** The active one of the two; blocks of `systemctl show` are separated by empty lines. */
function socketOf(records: Records): SocketUnit | undefined {
  for (const block of (records.text('sockets') ?? '').split('\n\n')) {
    const [, name, short] = /^Id=((sshd?)\.socket)$/m.exec(block) ?? [];
    if (name === undefined || short === undefined || !/^ActiveState=active$/m.test(block)) continue;
    const ports = [...block.matchAll(/^Listen=.*:(\d{1,5}) \(Stream\)$/gm)].map((match) => Number(match[1]));
    return { name, ports, dropIn: records.text(`socket.${short}`) };
  }
  return undefined;
}
