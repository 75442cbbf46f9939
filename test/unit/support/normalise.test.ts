import { describe, expect, it } from 'vitest';
import { normaliseMember } from '../../conformance/harness/normalise.ts';

describe('normaliseMember', () => {
  it('takes ages and times out of the cells of a table', () => {
    // two servers make their objects in different seconds
    const cells = ['widgets.example.com', '2026-11-28T18:40:14Z', '5d3h', 3, null];
    expect(normaliseMember('cells', cells)).toEqual(['widgets.example.com', '<time>', '<age>', 3, null]);
  });
});
