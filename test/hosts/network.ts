import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { attempt, run } from './command.ts';
import { PREFIX } from './paths.ts';

/** The network of one fleet: a bridge of its own with a /24 of its own. */
export interface Network {
  bridge: string;
  /** First three octets, such as `10.213.7`; the bridge is `.1`. */
  prefix: string;
}

const OCTET = 213;
const BRIDGE_PREFIX = `${PREFIX}br`;

/**
 * Creates a bridge with a free /24 and NAT. The kernel refuses a second bridge of the same name: that is the lock.
 * Begins anywhere: what another fleet has just given back must not be taken for a leftover, or its host for ours.
 */
export async function createNetwork(): Promise<Network> {
  const taken = await takenPrefixes();
  const first = randomInt(256);
  for (let count = 0; count < 256; count++) {
    const index = (first + count) % 256;
    const network = { bridge: `${BRIDGE_PREFIX}${index}`, prefix: `10.${OCTET}.${index}` };
    if (taken.some((address) => address.startsWith(`${network.prefix}.`))) continue;
    const made = await attempt(['ip', 'link', 'add', 'name', network.bridge, 'type', 'bridge']);
    if (made.code === 0) {
      await configure(network);
      return network;
    }
    if (!made.stderr.includes('exists')) throw new Error(`cannot create a bridge: ${made.stderr}`);
  }
  throw new Error(
    `All 256 networks of 10.${OCTET}.0.0/16 are in use; remove leftovers by: npm run hosts -- down --all`,
  );
}

async function configure({ bridge, prefix }: Network): Promise<void> {
  await run(['ip', 'address', 'add', `${prefix}.1/24`, 'dev', bridge]);
  await run(['ip', 'link', 'set', bridge, 'up']);
  for (const rule of rules({ bridge, prefix })) await run(['iptables', '-w', '-t', rule.table, '-I', ...rule.spec]);
}

/** Removes the bridge, what hangs on it and its rules. Harmless when they are gone. */
export async function removeNetwork(network: Network): Promise<void> {
  const ports = await attempt(['ip', '-o', 'link', 'show', 'master', network.bridge]);
  for (const [, name = ''] of ports.stdout.matchAll(/^\d+: ([^:@]+)/gm)) await attempt(['ip', 'link', 'delete', name]);
  await attempt(['ip', 'link', 'delete', network.bridge]);
  for (const rule of rules(network)) await attempt(['iptables', '-w', '-t', rule.table, '-D', ...rule.spec]);
}

/** Every fleet bridge that exists on the machine, with or without a fleet. */
export async function existingNetworks(): Promise<Network[]> {
  const links = await run(['ip', '-o', 'link', 'show', 'type', 'bridge']);
  const rulesText = (await attempt(['iptables-save'])).stdout;
  const names = `${links}\n${rulesText}`.matchAll(new RegExp(`\\b${BRIDGE_PREFIX}(\\d+)\\b`, 'g'));
  const indexes = new Set([...names].map(([, index = '']) => index));
  return [...indexes].map((index) => ({ bridge: `${BRIDGE_PREFIX}${index}`, prefix: `10.${OCTET}.${index}` }));
}

function rules({ bridge, prefix }: Network): { table: string; spec: string[] }[] {
  return [
    { table: 'nat', spec: ['POSTROUTING', '-s', `${prefix}.0/24`, '!', '-o', bridge, '-j', 'MASQUERADE'] },
    // A machine with a Docker engine drops forwarded packets unless somebody accepts them.
    { table: 'filter', spec: ['FORWARD', '-i', bridge, '-j', 'ACCEPT'] },
    { table: 'filter', spec: ['FORWARD', '-o', bridge, '-j', 'ACCEPT'] },
  ];
}

/** Addresses and route destinations that a fleet's network must not shadow. */
async function takenPrefixes(): Promise<string[]> {
  const routes = await run(['ip', '-4', 'route', 'show', 'table', 'all']);
  const addresses = [...routes.matchAll(/\b\d+\.\d+\.\d+\.\d+\b/g)].map(([address]) => address);
  return [...addresses, ...(await nameServers())];
}

/**
 * Name servers that the hosts can use: the machine's, read behind a local stub resolver where there is one.
 * @throws Error  when the machine only has a resolver on loopback, which the hosts cannot reach.
 */
export async function nameServers(): Promise<string[]> {
  for (const path of ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf']) {
    if (!existsSync(path)) continue;
    const found = [...(await readFile(path, 'utf8')).matchAll(/^nameserver\s+(\S+)/gm)].map(
      ([, server = '']) => server,
    );
    const reachable = found.filter((server) => !server.startsWith('127.') && !server.includes(':'));
    if (reachable.length > 0) return reachable;
  }
  throw new Error('This machine has no name server outside loopback in /etc/resolv.conf; the hosts could not use apt.');
}
