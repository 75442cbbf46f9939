import { describe, expect, it } from 'vitest';
import { defaultDeniedCidrs, orderAddresses } from '../../../src/ssh/addresses.ts';
import { isInRanges, parseRanges } from '../../../src/ssh/deniedRanges.ts';

const addresses = [
  { type: 'Hostname', address: 'eu-1' },
  { type: 'IPv6', address: '2001:db8::1' },
  { type: 'IPv4', address: '203.0.113.10' },
  { type: 'FQDN', address: 'eu-1.example.com' },
] as const;

describe('orderAddresses', () => {
  it('prefers FQDN to IPv4 to IPv6 to Hostname', () => {
    expect(orderAddresses(addresses, 'Auto').map(({ type }) => type)).toEqual(['FQDN', 'IPv4', 'IPv6', 'Hostname']);
  });

  it('keeps to one type where it is stated', () => {
    expect(orderAddresses(addresses, 'IPv6')).toEqual([{ type: 'IPv6', address: '2001:db8::1' }]);
    expect(orderAddresses(addresses.slice(0, 1), 'IPv6')).toEqual([]);
  });
});

describe('denied ranges', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.255.0.9', true],
    ['169.254.169.254', true],
    ['100.100.100.200', true],
    ['fd00:ec2::254', true],
    ['::1', true],
    ['fe80::1%eth0', true],
    ['::ffff:127.0.0.1', true],
    ['0.0.0.0', true],
    ['203.0.113.10', false],
    ['10.0.0.1', false],
    ['2001:db8::1', false],
  ])('by default hold %s: %s', (address, expected) => {
    expect(isInRanges(parseRanges(defaultDeniedCidrs), address)).toBe(expected);
  });

  it('may be single addresses', () => {
    const ranges = parseRanges(['10.0.0.1', '2001:db8::/32']);
    expect([
      isInRanges(ranges, '10.0.0.1'),
      isInRanges(ranges, '10.0.0.2'),
      isInRanges(ranges, '2001:db8:1::1'),
    ]).toEqual([true, false, true]);
  });

  it.each(['10.0.0.0/33', '10.0.0/8', 'example.com', '', '10.0.0.0/', '10.0.0.0/-1', 'fe80::/129', '1.2.3.4/8/8'])(
    'that make no sense are refused by name: %j',
    (cidr) => {
      expect(() => parseRanges([cidr])).toThrow(`"${cidr}" in --denied-cidrs is no address range`);
    },
  );
});
