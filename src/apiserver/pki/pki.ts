import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomic } from '../../lib/atomicFile.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { issue, makeAuthority, type KeyPair, type Subject, type Validity } from './certificates.ts';

const DAY_MS = 24 * 3600 * 1000;
const AUTHORITY_DAYS = 3650;
const LEAF_DAYS = 365;
/** A certificate that ends sooner is made anew. */
const RENEW_DAYS = 90;
/** Backdating, for clients whose clock is behind. */
const SKEW_MS = 3600 * 1000;

/** Names that in-cluster clients and people on the machine use. */
const OWN_NAMES = [
  'localhost',
  '127.0.0.1',
  '::1',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
];

/** Who a client certificate speaks for. */
export interface ClientIdentity {
  /** File name in the pki directory, without extension. */
  name: string;
  /** User name (CN). */
  user: string;
  /** Groups (O). */
  groups: readonly string[];
}

/** The person who runs this server: may do everything. */
export const ADMIN: ClientIdentity = { name: 'admin', user: 'hostler-admin', groups: ['system:masters'] };

/** The controllers of this process: an ordinary user. */
export const CONTROLLER_MANAGER: ClientIdentity = {
  name: 'controller-manager',
  user: 'system:hostler-controller-manager',
  groups: ['hostler:controllers'],
};

/** The certificates of one server. */
export interface Pki {
  /** Certificate of the own CA, PEM. */
  ca: string;
  serving: KeyPair;
  /** Private key (EC P-256, PKCS#8 PEM) that signs tokens of ServiceAccounts. */
  accountKey: string;
  /** The client certificate of `identity`, made or renewed when needed. */
  client(identity: ClientIdentity): Promise<KeyPair>;
}

/**
 * Makes what is missing, wrong or near its end in `directory`: a CA (10 years), a serving certificate (1 year, renewed
 * 90 days before) for `hosts`, EC P-256 all. Safe to run at every start and, for renewal, once a day while running.
 * Run it with the store open: that is what keeps two processes from making two CAs.
 * @param options.hosts  DNS names and IP addresses that clients use; loopback names are added, and an unspecified
 *   address (`0.0.0.0`, `::`) stands for those of this machine.
 * @throws Error when the CA is damaged or over; it is never replaced silently, since clients trust it.
 */
export async function ensurePki(directory: string, options: { hosts: readonly string[]; clock?: Clock }): Promise<Pki> {
  const now = (options.clock ?? systemClock).now();
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const authority = await ensureAuthority(directory, now);
  const leaf = (name: string, subject: Subject): Promise<KeyPair> =>
    ensureLeaf({ directory, authority, now, name }, subject);
  return {
    ca: authority.cert,
    serving: await leaf('server', { commonName: 'hostler', organizations: [], hosts: namesFor(options.hosts) }),
    accountKey: await ensureAccountKey(directory),
    client: ({ name, user, groups }) => leaf(name, { commonName: user, organizations: groups }),
  };
}

/** Made once: with it all tokens of ServiceAccounts would end. */
async function ensureAccountKey(directory: string): Promise<string> {
  const path = join(directory, 'service-account.key');
  const stored = await readIfThere(path);
  if (stored !== undefined) return stored;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeFileAtomic(path, pem);
  return pem;
}

async function ensureAuthority(directory: string, now: number): Promise<KeyPair> {
  const stored = await readPair(directory, 'ca');
  // the key is written first: without a certificate nobody has ever used it
  if (stored.cert === undefined) {
    const made = makeAuthority('hostler-ca', validity(now, AUTHORITY_DAYS));
    await writePair(directory, 'ca', made);
    return made;
  }
  const pair = stored.key === undefined ? undefined : checkedPair({ cert: stored.cert, key: stored.key });
  if (pair === undefined) {
    throw new Error(
      `The CA in ${directory} is damaged: ca.crt and ca.key do not belong together. Restore both from a backup, ` +
        'or remove the directory to get a new CA; every kubeconfig must then be replaced.',
    );
  }
  if (endOf(pair.parsed) < now) {
    throw new Error(
      `The CA in ${directory} ended on ${pair.parsed.validTo}. Remove the directory to get a new one; ` +
        'every kubeconfig must then be replaced.',
    );
  }
  return { cert: stored.cert, key: pair.key };
}

interface LeafContext {
  directory: string;
  authority: KeyPair;
  now: number;
  name: string;
}

async function ensureLeaf(context: LeafContext, subject: Subject): Promise<KeyPair> {
  const { directory, authority, now, name } = context;
  const { cert, key } = await readPair(directory, name);
  if (cert !== undefined && key !== undefined) {
    const pair = checkedPair({ cert, key });
    if (pair !== undefined && isGood(pair.parsed, context, subject)) return { cert, key };
  }
  const end = new Date(endOf(new X509Certificate(authority.cert)));
  const wanted = validity(now, LEAF_DAYS);
  const made = issue(authority, subject, { ...wanted, notAfter: wanted.notAfter < end ? wanted.notAfter : end });
  await writePair(directory, name, made);
  return made;
}

function isGood(certificate: X509Certificate, context: LeafContext, subject: Subject): boolean {
  const authority = new X509Certificate(context.authority.cert);
  if (!certificate.verify(authority.publicKey)) return false;
  // near the end of the CA itself a new certificate would not live longer
  const due = Math.min(context.now + RENEW_DAYS * DAY_MS, endOf(authority));
  if (endOf(certificate) < due) return false;
  const lines = [...subject.organizations.map((name) => `O=${name}`), `CN=${subject.commonName}`];
  return certificate.subject === lines.join('\n') && hasHosts(certificate, subject.hosts ?? []);
}

/** Milliseconds since the epoch. */
function endOf(certificate: X509Certificate): number {
  return Date.parse(certificate.validTo);
}

/** Exactly these names, in whatever notation the certificate has them. */
function hasHosts(certificate: X509Certificate, hosts: readonly string[]): boolean {
  const count = certificate.subjectAltName === undefined ? 0 : certificate.subjectAltName.split(', ').length;
  const has = (host: string): boolean =>
    (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined;
  return count === hosts.length && hosts.every(has);
}

function namesFor(hosts: readonly string[]): string[] {
  const names = hosts.flatMap((host) => (host === '0.0.0.0' || host === '::' ? ownAddresses() : [host]));
  return [...new Set([...OWN_NAMES, hostname(), ...names].map((name) => name.toLowerCase()))].sort();
}

function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  // link-local IPv6 addresses need a zone, which a certificate cannot hold
  return all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:')).map(({ address }) => address);
}

function validity(now: number, days: number): Validity {
  // certificates count whole seconds
  return { notBefore: wholeSecond(now - SKEW_MS), notAfter: wholeSecond(now + days * DAY_MS) };
}

function wholeSecond(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}

interface CheckedPair {
  parsed: X509Certificate;
  key: string;
}

/** Undefined when one of the two is no PEM or they do not belong together. */
function checkedPair(pair: KeyPair): CheckedPair | undefined {
  try {
    const parsed = new X509Certificate(pair.cert);
    return parsed.checkPrivateKey(createPrivateKey(pair.key)) ? { parsed, key: pair.key } : undefined;
  } catch {
    // what OpenSSL says of damaged PEM tells nobody anything
    return undefined;
  }
}

async function readPair(directory: string, name: string): Promise<Partial<KeyPair>> {
  const cert = await readIfThere(join(directory, `${name}.crt`));
  const key = await readIfThere(join(directory, `${name}.key`));
  return { ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The key first: a crash in between leaves a pair that does not match, and that is made anew. */
async function writePair(directory: string, name: string, pair: KeyPair): Promise<void> {
  await writeFileAtomic(join(directory, `${name}.key`), pair.key);
  await writeFileAtomic(join(directory, `${name}.crt`), pair.cert);
}
