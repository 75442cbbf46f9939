import { describe, expect, it } from 'vitest';
import { formatCheck } from '../../../../src/apiserver/schema/formats.ts';

describe('date-time', () => {
  it.each([
    ['2026-02-28T23:59:59Z', true],
    ['2026-01-31T00:00:00.123456789Z', true],
    ['2024-02-29T00:00:00Z', true],
    ['2026-02-29T00:00:00Z', false],
    ['2026-04-31T00:00:00Z', false],
    ['2026-00-02T03:04:05Z', false],
    ['2026-01-02T24:00:00Z', false],
    ['2026-01-02T03:04:60Z', false],
    ['2026-01-02t03:04:05z', true],
    ['2026-01-02T03:04:05+02:00', true],
    // what follows a second t is not looked at, in kube neither
    ['2026-01-02T03:04:05ZTx', true],
    ['2026-01-02', false],
  ])('%s: %s', (text, expected) => {
    expect(formatCheck('date-time')?.(text)).toBe(expected);
  });
});

describe('addresses', () => {
  it.each([
    ['ipv4', '1.2.3.4', true],
    ['ipv4', '01.2.003.4', true],
    ['ipv4', '1.2.3.256', false],
    ['ipv4', '1.2.3', false],
    ['cidr', '010.0.0.0/8', true],
    ['cidr', '10.0.0.0/08', false],
    ['ipv6', '::1', true],
  ])('%s %s: %s', (format, text, expected) => {
    expect(formatCheck(format)?.(text)).toBe(expected);
  });
});
