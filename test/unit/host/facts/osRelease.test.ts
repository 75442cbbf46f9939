import { describe, expect, it } from 'vitest';
import { osTier, parseOsRelease } from '../../../../src/host/facts/osRelease.ts';
import { osReleases } from './osReleases.ts';

describe('parseOsRelease and osTier', () => {
  it.each(osReleases)('knows $name', ({ text, id, versionID, codename, tier }) => {
    const os = parseOsRelease(text)!;
    expect({ id: os.id, versionID: os.versionID, codename: os.codename }).toEqual({ id, versionID, codename });
    expect(os.name).not.toMatch(/^["']|["']$/);
    expect(osTier(os)).toBe(tier);
  });

  it.each([
    ['', undefined],
    ['NAME="No id"\n', undefined],
    ['# ID=comment\n', undefined],
    ['ID=\n', undefined],
  ])('takes %j for no system', (text, result) => {
    expect(parseOsRelease(text)).toBe(result);
  });

  it('cuts hostile values and runs none', () => {
    const os = parseOsRelease(`ID=debian\nPRETTY_NAME="$(reboot) \\"x\\" ${'y'.repeat(5000)}"\nVERSION_ID='12'\n`)!;
    expect(os.name.startsWith('$(reboot) "x" yyy')).toBe(true);
    expect(os.name).toHaveLength(256);
    expect(os.versionID).toBe('12');
  });

  it.each([
    ['alpine', '3.16.9', undefined],
    ['alpine', '3.17.0', 3],
    ['alpine', '3.22.1', 3],
    ['alpine', '4.0', 3],
    ['ubuntu', '18.04', undefined],
    ['ubuntu', '24.10', undefined],
    ['debian', '10', undefined],
    ['amzn', '2', undefined],
    ['fedora', '42', undefined],
  ])('gives %s %s tier %s', (id, versionID, tier) => {
    expect(osTier({ id, idLike: [], name: id, versionID })).toBe(tier);
  });
});
