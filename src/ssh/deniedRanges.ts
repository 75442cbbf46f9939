import { BlockList, isIP } from 'node:net';
import { TerminalError } from '../lib/errors.ts';

/**
 * Reads ranges such as `169.254.0.0/16`, `fe80::/10` or a single address.
 * IPv4 addresses written as IPv6 (`::ffff:127.0.0.1`) fall under the IPv4 ranges.
 * @throws TerminalError InvalidSpec  naming the range that is none.
 */
export function parseRanges(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const range = parseRange(cidr);
    if (range === undefined) {
      throw new TerminalError('InvalidSpec', `"${cidr}" in --denied-cidrs is no address range.`, {
        remedy: 'Write it like 10.96.0.0/12 or fd00::/8.',
      });
    }
    list.addSubnet(range.address, range.prefix, range.family);
  }
  return list;
}

function parseRange(cidr: string): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } | undefined {
  const [, address = '', digits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(cidr) ?? [];
  const version = isIP(address);
  const bits = version === 6 ? 128 : 32;
  const prefix = digits === undefined ? bits : Number(digits);
  if (version === 0 || prefix > bits) return undefined;
  return { address, prefix, family: version === 6 ? 'ipv6' : 'ipv4' };
}

/** Whether the IP address `address` lies in one of the ranges. */
export function isInRanges(ranges: BlockList, address: string): boolean {
  return ranges.check(withoutZone(address), isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** `fe80::1%eth0` → `fe80::1` */
function withoutZone(address: string): string {
  return address.split('%')[0] ?? address;
}
