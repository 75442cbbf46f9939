import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareDebianVersions,
  isAbove,
  newestMatching,
  parseVersionRange,
  releaseText,
  satisfies,
} from '../../../src/lib/versionRange.ts';

/** As recorded from `apt-cache policy` on Debian 11, 12, 13 and sid, Ubuntu, and Docker's repository. */
const REAL = [
  '20.10.5+dfsg1-1+deb11u2+b3',
  '20.10.24+dfsg1-1+deb12u1+b6',
  '26.1.5+dfsg1-9+b9',
  '28.5.2+dfsg1-1',
  '24.0.7-0ubuntu2~22.04.1',
  '5:19.03.15~3-0~debian-buster',
  '5:20.10.24~3-0~debian-bookworm',
  '5:26.1.4-1~debian.12~bookworm',
  '5:27.5.1-1~ubuntu.24.04~noble',
  '5:28.5.1-1~debian.12~bookworm',
  '5:28.5.2-1~debian.12~bookworm',
  '5:29.0.0~rc.1-1~debian.12~bookworm',
  '5:29.0.0-1~debian.12~bookworm',
];

const hasDpkg = spawnSync('dpkg', ['--version']).status === 0;

describe('a declared version', () => {
  it.each([
    { range: '28.5.2', version: '5:28.5.2-1~debian.12~bookworm', inside: true },
    { range: '28.5.2', version: '28.5.20', inside: false },
    { range: '28.5', version: '5:28.5.2-1~ubuntu.24.04~noble', inside: true },
    { range: '28.5', version: '28.50.1', inside: false },
    { range: '28', version: '28.5.2+dfsg1-1', inside: true },
    { range: '2', version: '20.10.5', inside: false },
    { range: '20.10', version: '20.10.24+dfsg1-1+deb12u1+b6', inside: true },
    { range: '19.03', version: '5:19.03.15~3-0~debian-buster', inside: true },
    { range: '19.3', version: '5:19.03.15~3-0~debian-buster', inside: true },
    { range: '>=27 <29', version: '28.5.2', inside: true },
    { range: '>=27 <29', version: '29.0.0', inside: false },
    { range: '>=27 <29', version: '26.1.5+dfsg1-9+b9', inside: false },
    { range: '<=28.5', version: '28.5.2', inside: true },
    { range: '>28.5', version: '28.5.2', inside: false },
    { range: '>28.5', version: '28.6.0', inside: true },
    { range: '<28.5', version: '28.4.9', inside: true },
    { range: '<28.5', version: '28.5.0', inside: false },
    { range: '>=29', version: '5:29.0.0~rc.1-1~debian.12~bookworm', inside: false },
    { range: '29.0', version: '29.0.0-rc.2', inside: false },
    { range: '28', version: 'not-a-version', inside: false },
    { range: '28', version: '', inside: false },
  ])('$range has $version inside: $inside', ({ range, version, inside }) => {
    expect(satisfies(version, parseVersionRange(range))).toBe(inside);
  });

  it.each(['', ' ', 'latest', '28.5.2.1', '>=', '>= 27', '>=27  <29', '^28', '28.x', '28.5.2; reboot', '$(id)'])(
    'that reads %j is refused with the three forms that are understood',
    (text) => {
      expect(() => parseVersionRange(text)).toThrow(/exact \(28\.5\.2\), prefix \(28\.5\), range/);
    },
  );

  it('resolves to the newest offered release inside it', () => {
    expect(newestMatching(REAL, parseVersionRange('28.5'))).toBe('5:28.5.2-1~debian.12~bookworm');
    expect(newestMatching(REAL, parseVersionRange('>=20 <26'))).toBe('5:20.10.24~3-0~debian-bookworm');
    expect(newestMatching(REAL, parseVersionRange('30'))).toBeUndefined();
    expect(newestMatching(REAL, undefined)).toBe('5:29.0.0-1~debian.12~bookworm');
  });

  it.each([
    { version: '28.5.2', range: '28.4', above: true },
    { version: '28.5.2', range: '28.5.1', above: true },
    { version: '28.5.2', range: '28.5', above: false },
    { version: '28.5.2', range: '29', above: false },
    { version: '28.5.2', range: '>=20 <28', above: true },
    { version: '28.5.2', range: '<28.5', above: true },
    { version: '28.5.2', range: '<=28.5', above: false },
    { version: '28.5.2', range: '>=29', above: false },
  ])('$version lies above $range: $above', ({ version, range, above }) => {
    expect(isAbove(version, parseVersionRange(range))).toBe(above);
  });

  const part = fc.nat({ max: 99 });
  const triple = fc.tuple(part, part, part);

  it('holds exactly when arithmetic on the numbers says so, whatever packaging surrounds them', () => {
    const packaging = fc.constantFrom('', '-1~debian.12~bookworm', '+dfsg1-1+deb12u1+b6', '~3-0~debian-buster');
    fc.assert(
      fc.property(triple, triple, triple, packaging, (numbers, low, high, suffix) => {
        const value = ([a, b, c]: readonly number[]): number => (a ?? 0) * 10_000 + (b ?? 0) * 100 + (c ?? 0);
        const version = `5:${numbers.join('.')}${suffix}`;
        const range = parseVersionRange(`>=${low.join('.')} <${high.join('.')}`);
        expect(satisfies(version, range)).toBe(value(numbers) >= value(low) && value(numbers) < value(high));
        expect(satisfies(version, parseVersionRange(low.join('.')))).toBe(value(numbers) === value(low));
        expect(isAbove(version, range) && satisfies(version, range)).toBe(false);
        expect(releaseText(version)).toBe(numbers.join('.'));
      }),
    );
  });

  it('never makes the parser do anything but return or throw RangeError', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, version) => {
        try {
          satisfies(version, parseVersionRange(text));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});

describe('the order of Debian versions', () => {
  it.skipIf(!hasDpkg)('is that of dpkg on every pair of recorded versions', () => {
    // pairs in one process each would take minutes: sort once, then ask dpkg about neighbours
    const sorted = [
      ...REAL,
      '1.0~~',
      '1.0~',
      '1.0',
      '1.0-0',
      '1.0+b1',
      '1.0a',
      '1:0.1',
      '01.0-1',
      '1.0-1',
      '1.0.',
    ].sort(compareDebianVersions);
    for (const [index, version] of sorted.entries()) {
      const next = sorted[index + 1];
      if (next !== undefined) expect(dpkgSaysNotAfter(version, next), `${version} <= ${next}`).toBe(true);
    }
  });

  it.skipIf(!hasDpkg)('is that of dpkg on random versions', () => {
    const version = fc.stringMatching(/^([0-2]:)?[0-9][0-9a-c.+~]{0,6}(-[0-9a-b.+~]{1,4})?$/);
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(dpkgSaysNotAfter(a, b)).toBe(compareDebianVersions(a, b) <= 0);
      }),
      { numRuns: 150 },
    );
  });

  it('is antisymmetric and transitive', () => {
    const version = fc.stringMatching(/^[0-9][0-9a-z.+~:-]{0,10}$/);
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareDebianVersions(a, b))).toBe(-Math.sign(compareDebianVersions(b, a)) + 0);
        if (compareDebianVersions(a, b) <= 0 && compareDebianVersions(b, c) <= 0) {
          expect(compareDebianVersions(a, c)).toBeLessThanOrEqual(0);
        }
      }),
    );
  });
});

function dpkgSaysNotAfter(a: string, b: string): boolean {
  try {
    execFileSync('dpkg', ['--compare-versions', a, 'le', b], { stdio: 'pipe' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'status' in error && error.status === 1) return false;
    throw error;
  }
}
