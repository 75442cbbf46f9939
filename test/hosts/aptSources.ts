import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt } from './command.ts';

/** Debian suites that test hosts can be made of. */
export const SUITES = ['bookworm', 'trixie'] as const;
export type Suite = (typeof SUITES)[number];

/** Where the hosts get their packages from. An undefined mirror leaves the choice to debootstrap. */
export interface Mirrors {
  debian: string | undefined;
  security: string | undefined;
  /** Lines for an apt.conf: proxy and validity settings that this machine's own apt has. */
  aptConf: string;
}

interface Entry {
  uri: string;
  suites: string[];
}

const CODENAMES = new Set(['buster', 'bullseye', 'bookworm', 'trixie', 'forky', 'sid', 'stable', 'unstable']);

/** Reads the machine's own apt configuration; `HOSTLER_DEBIAN_MIRROR` overrides the mirror. */
export async function machineMirrors(): Promise<Mirrors> {
  const entries = await sourceEntries('/etc/apt');
  const debian = process.env['HOSTLER_DEBIAN_MIRROR'] ?? find(entries, (suite) => CODENAMES.has(suite));
  const security = find(entries, (suite) => {
    const [codename = '', ...rest] = suite.split(/[-/]/);
    return (
      CODENAMES.has(codename) && (rest[0] === 'security' || rest[0] === 'updates') && suite !== `${codename}-updates`
    );
  });
  return { debian, security, aptConf: await aptConf() };
}

/** Debian's mirrors keep security fixes in a sibling directory of the main archive. */
export function securityBeside(mirror: string): string {
  return mirror.replace(/\/debian\/?$/, '/debian-security');
}

function find(entries: Entry[], wanted: (suite: string) => boolean): string | undefined {
  return entries.find(({ suites }) => suites.some(wanted))?.uri.replace(/\/$/, '');
}

async function sourceEntries(directory: string): Promise<Entry[]> {
  const parts = join(directory, 'sources.list.d');
  const names = existsSync(parts) ? (await readdir(parts)).sort().map((name) => join(parts, name)) : [];
  const files = [join(directory, 'sources.list'), ...names].filter((path) => existsSync(path));
  const found: Entry[] = [];
  for (const path of files) {
    const text = await readFile(path, 'utf8');
    if (path.endsWith('.list')) found.push(...oneLineEntries(text));
    if (path.endsWith('.sources')) found.push(...deb822Entries(text));
  }
  return found.filter(({ uri }) => /^https?:\/\//.test(uri));
}

/** Source: sources.list(5), one-line style: `deb [options] uri suite components`. */
function oneLineEntries(text: string): Entry[] {
  const matches = text.matchAll(/^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)/gm);
  return [...matches].map(([, uri = '', suite = '']) => ({ uri, suites: [suite] }));
}

/** Source: sources.list(5), deb822 style. */
function deb822Entries(text: string): Entry[] {
  const withoutComments = text.replace(/^#.*\n/gm, '');
  return withoutComments.split(/\n\s*\n/).flatMap((stanza) => {
    if (/^Enabled:\s*no/im.test(stanza)) return [];
    const suites = words(stanza, 'Suites');
    return words(stanza, 'URIs').map((uri) => ({ uri, suites }));
  });
}

function words(stanza: string, field: string): string[] {
  const match = new RegExp(`^${field}:(.*(?:\\n[ \\t].*)*)`, 'im').exec(stanza);
  return match?.[1]?.trim().split(/\s+/) ?? [];
}

async function aptConf(): Promise<string> {
  const dump = await attempt(['apt-config', 'dump']);
  const kept = dump.stdout
    .split('\n')
    .filter((line) => /^Acquire::(?:https?::(?:proxy|Verify-)|Check-Valid-Until|Check-Date)/i.test(line));
  const proxies = ['http', 'https'].flatMap((scheme) => {
    const proxy = process.env[`${scheme}_proxy`];
    return proxy === undefined || proxy === '' ? [] : [`Acquire::${scheme}::Proxy "${proxy}";`];
  });
  return [...proxies, ...kept, ''].join('\n');
}
