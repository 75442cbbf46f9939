import type { Sshd } from '../../../api/hardeningSpec.ts';
import type { SshdHave } from './facts.ts';
import { settingsOf } from './settings.ts';

const HEADER = '# Kept by Hostler (spec.hardening.sshd of the Server). Without it sshd goes back to its other files.';

type Have = Partial<SshdHave>;

/** One declared thing beside what the host has; in words of sshd_config. */
export interface Deviation {
  field: string;
  keyword: string;
  wanted: string;
  found: string;
}

/** What is declared and not so. */
export function deviationsOf(sshd: Sshd, have: Have): Deviation[] {
  const found = (keyword: string): string | undefined => have.effective?.get(keyword.toLowerCase())?.[0];
  const wrong = settingsOf(sshd).flatMap(({ field, keyword, value, shown, optional }) => {
    const current = found(keyword);
    if (current === undefined ? optional : shown.includes(current)) return [];
    return [{ field, keyword, wanted: value, found: current ?? 'unknown' }];
  });
  const { ports } = sshd;
  if (ports === undefined || isOpen(ports, have)) return wrong;
  const deviation = { field: 'ports', keyword: 'Port', wanted: list(ports), found: list(portsOf(have)) };
  return [deviation, ...wrong];
}

/** The declared ports and no others, in the configuration and in fact. */
function isOpen(ports: readonly number[], have: Have): boolean {
  return list(ports) === list(portsOf(have)) && unheard(ports, have).length === 0;
}

/** Ports that nobody listens on; none where that cannot be seen. */
export function unheard(ports: readonly number[], { listeners }: Have): number[] {
  return ports.filter((port) => listeners?.some((one) => one.port === port) === false);
}

/** The ports that sshd would listen on, or that systemd listens on for it. */
export function portsOf({ socket, effective }: Have): number[] {
  if (socket !== undefined) return distinct(socket.ports);
  const addresses = effective?.get('listenaddress')?.flatMap((text) => /:(\d{1,5})(?: |$)/.exec(text)?.[1] ?? []);
  return distinct((addresses ?? effective?.get('port') ?? []).map(Number));
}

/**
 * Text of the drop-in. What it says about things that are not declared any more stays: absent leaves the host as it is.
 * A port that another file opens is left to that file, since sshd would try to open it twice.
 */
function dropInText(sshd: Sshd, have: Have): string {
  const known = (keyword: string): boolean => have.effective?.has(keyword.toLowerCase()) === true;
  const declared = settingsOf(sshd).filter(({ keyword, optional }) => optional !== true || known(keyword));
  const opened = new Set(have.foreign?.filter(({ keyword }) => keyword === 'port').map(({ value }) => Number(value)));
  const ports = sshd.ports?.filter((port) => !opened.has(port)) ?? [];
  const managed = new Set([...(sshd.ports === undefined ? [] : ['port']), ...declared.map(keywordOf)]);
  const kept = (have.dropIn ?? '')
    .split('\n')
    .filter((line) => /^[A-Za-z]/.test(line) && !managed.has((line.split(' ', 1)[0] ?? '').toLowerCase()));
  const lines = [
    ...distinct(ports).map((port) => `Port ${port}`),
    ...declared.map((one) => `${one.keyword} ${one.value}`),
  ];
  return `${[HEADER, ...lines, ...kept].join('\n')}\n`;
}

/** What Hostler's files should hold. */
export interface OwnFiles {
  /** Text of the drop-in. */
  content: string;
  /** A line that reads the drop-in is to be put on top of the main file. */
  include: boolean;
  /** The active socket unit; empty: sshd listens itself. */
  unit: string;
  /** Text of the drop-in for that unit; empty: none of ours. */
  listen: string;
}

/** The files for what is declared. */
export function ownFiles(sshd: Sshd, have: Have): OwnFiles {
  const { ports } = sshd;
  return {
    content: dropInText(sshd, have),
    include: have.included !== true,
    unit: have.socket?.name ?? '',
    listen: have.socket === undefined || ports === undefined ? '' : socketText(ports),
  };
}

/** Whether the files hold that already. */
export function isInPlace({ content, include, listen }: OwnFiles, { dropIn, socket }: Have): boolean {
  if (include || content.trimEnd() !== dropIn) return false;
  return listen === '' || listen.trimEnd() === socket?.dropIn;
}

function keywordOf({ keyword }: { keyword: string }): string {
  return keyword.toLowerCase();
}

/** Text of the drop-in for the socket unit: the empty value drops the ports that other files name. */
function socketText(ports: readonly number[]): string {
  const lines = distinct(ports).map((port) => `ListenStream=${port}`);
  return `${['# Kept by Hostler (spec.hardening.sshd.ports of the Server).', '[Socket]', 'ListenStream=', ...lines].join('\n')}\n`;
}

function distinct(ports: readonly number[]): number[] {
  return [...new Set(ports)].sort((a, b) => a - b);
}

function list(ports: readonly number[]): string {
  return distinct(ports).join(', ');
}
