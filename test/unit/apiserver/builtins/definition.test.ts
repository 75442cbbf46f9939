import { describe, expect, it } from 'vitest';
import { ageOf } from '../../../../src/apiserver/builtins/definition.ts';

const NOW = new Date('2026-06-01T00:00:00Z');
const ago = (seconds: number): string => ageOf(new Date(NOW.getTime() - seconds * 1000).toISOString(), NOW);

describe('ageOf', () => {
  it.each([
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [310, '5m10s'],
    [600, '10m'],
    [10_799, '179m'],
    [10_800, '3h'],
    [4 * 3600 + 300, '4h5m'],
    [8 * 3600, '8h'],
    [47 * 3600, '47h'],
    [2 * 86_400 + 4 * 3600, '2d4h'],
    [8 * 86_400, '8d'],
    [729 * 86_400, '729d'],
    [3 * 365 * 86_400, '3y'],
    [9 * 365 * 86_400 + 86_400, '9y'],
  ])('shows %d seconds as %s', (seconds, text) => {
    expect(ago(seconds)).toBe(text);
  });

  it('says so when there is no time, or one in the future', () => {
    expect(ageOf('', NOW)).toBe('<unknown>');
    expect(ago(-60)).toBe('<invalid>');
  });
});
