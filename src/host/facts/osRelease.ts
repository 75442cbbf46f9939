import type { OsRelease, OsTier } from '../facts.ts';
import { present } from './present.ts';

const QUOTED = /^(["'])(.*)\1$/s;
const VALUE_LIMIT = 256;

/**
 * Reads os-release text. Undefined when it names no ID.
 * Source: os-release(5). Values are shell words; only plain and fully quoted ones are understood.
 */
export function parseOsRelease(text: string): OsRelease | undefined {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    const value = unquote(line.slice(at + 1));
    if (at > 0 && value !== '' && !line.trimStart().startsWith('#')) values.set(line.slice(0, at).trim(), value);
  }
  const id = values.get('ID')?.toLowerCase();
  if (id === undefined) return undefined;
  return {
    id,
    idLike: (values.get('ID_LIKE') ?? '').toLowerCase().split(/\s+/).filter(Boolean),
    name: values.get('PRETTY_NAME') ?? values.get('NAME') ?? id,
    ...present({ versionID: values.get('VERSION_ID'), codename: values.get('VERSION_CODENAME') }),
  };
}

function unquote(raw: string): string {
  const value = raw.trim();
  const inner = QUOTED.exec(value)?.[2];
  return (inner === undefined ? value : inner.replace(/\\(["'$`\\])/g, '$1')).slice(0, VALUE_LIMIT);
}

/** Versions per distribution and tier (features.md 1.4); a list of [first version, tier] for open ranges. */
const exactTiers: Readonly<Record<string, Readonly<Record<string, OsTier>>>> = {
  ubuntu: { '20.04': 1, '22.04': 1, '24.04': 1 },
  debian: { '11': 1, '12': 1, '13': 1 },
  rocky: { '8': 2, '9': 2 },
  almalinux: { '8': 2, '9': 2 },
  centos: { '8': 2, '9': 2 },
  amzn: { '2023': 2 },
};

/** How well Hostler supports the system; undefined: not known to work. Minor versions follow their major version. */
export function osTier(os: OsRelease): OsTier | undefined {
  const version = os.versionID ?? '';
  if (os.id === 'arch') return 3;
  if (os.id === 'alpine') return isAtLeast(version, 3, 17) ? 3 : undefined;
  const tiers = exactTiers[os.id];
  return tiers?.[version] ?? (os.id === 'ubuntu' ? undefined : tiers?.[version.split('.')[0] ?? '']);
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = version.split('.').map(Number);
  return first > major || (first === major && second >= minor);
}
