import { describe, expect, it } from 'vitest';
import { checkTimeout } from '../../../../src/apiserver/http/timeout.ts';

const check = (value: string): void => checkTimeout(new URLSearchParams({ timeout: value }));

describe('checkTimeout', () => {
  it.each(['', '0', '5s', '1m30s', '1.5h', '.5s', '-1s', '300ms', '10µs'])('takes %j', (value) => {
    expect(() => check(value)).not.toThrow();
  });

  it.each([
    ['x', 'time: invalid duration "x"'],
    ['5', 'time: missing unit in duration "5"'],
    ['1m30', 'time: missing unit in duration "1m30"'],
    ['5y', 'time: unknown unit "y" in duration "5y"'],
    ['1s5 s', 'time: unknown unit " s" in duration "1s5 s"'],
    ['s', 'time: invalid duration "s"'],
  ])('refuses %j as Go does', (value, problem) => {
    expect(() => check(value)).toThrow(`invalid timeout specified in the request URL - ${problem}`);
  });
});
