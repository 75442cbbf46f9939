/** Compares like Array.prototype.sort expects: negative, zero or positive. */
type Order = number;

/** What a release number says, packaging left out: `28.5.2` of `5:28.5.2-1~debian.12~bookworm`. */
interface Release {
  numbers: readonly [number, number, number];
  /** rc, beta, dev …: never chosen by a prefix or a range. */
  prerelease: boolean;
}

interface Bound {
  operator: '>=' | '<=' | '>' | '<' | '=';
  /** One to three numbers; what is left out stands for "any". */
  numbers: readonly number[];
}

/** A parsed `28.5.2` (exact), `28.5` (prefix) or `>=27 <29` (range). */
export interface VersionRange {
  /** As written. */
  text: string;
  bounds: readonly Bound[];
}

const CLAUSE = /^(>=|<=|>|<|)(\d{1,9}(?:\.\d{1,9}){0,2})$/;
const PRERELEASE = /(?:^|[^a-z])(?:rc|alpha|beta|pre|tp|dev)(?![a-z])/i;

/**
 * Reads a declared version.
 *
 * A bound with fewer than three numbers covers everything below it: `<=28.5` admits 28.5.2, `>28.5` does not.
 * @throws RangeError  naming the value and the three forms that are understood.
 */
export function parseVersionRange(text: string): VersionRange {
  const bounds = text.split(' ').map((clause): Bound => {
    const match = CLAUSE.exec(clause);
    const [, operator, numbers] = match ?? [];
    if (operator === undefined || numbers === undefined) {
      throw new RangeError(
        `version ${JSON.stringify(text)} is none of: exact (28.5.2), prefix (28.5), range (>=27 <29).`,
      );
    }
    return { operator: operatorOf(operator), numbers: numbers.split('.').map(Number) };
  });
  return { text, bounds };
}

function operatorOf(text: string): Bound['operator'] {
  return text === '>=' || text === '<=' || text === '>' || text === '<' ? text : '=';
}

/**
 * True when the release inside a package version (`5:28.5.2-1~debian.12~bookworm`) or a plain version (`28.5.2`) lies
 * within `range`. Pre-releases and versions without a number never do.
 */
export function satisfies(version: string, range: VersionRange): boolean {
  const release = releaseOf(version);
  return release !== undefined && !release.prerelease && range.bounds.every((bound) => holds(release.numbers, bound));
}

function holds(numbers: Release['numbers'], { operator, numbers: limit }: Bound): boolean {
  const order = compareNumbers(numbers.slice(0, limit.length), limit);
  switch (operator) {
    case '=':
      return order === 0;
    case '>=':
      return order >= 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '<':
      return order < 0;
  }
}

/**
 * True when every release that `range` admits is older than `version`: to satisfy it would be a downgrade.
 * False also when `version` has no release number.
 */
export function isAbove(version: string, range: VersionRange): boolean {
  const release = releaseOf(version);
  if (release === undefined) return false;
  return range.bounds.some(
    ({ operator, numbers }) =>
      operator !== '>=' &&
      operator !== '>' &&
      compareNumbers(release.numbers.slice(0, numbers.length), numbers) > (operator === '<' ? -1 : 0),
  );
}

/**
 * The release inside a package version, as people write it: `28.5.2` of `5:28.5.2-1~debian.12~bookworm`, `20.10.24` of
 * `20.10.24+dfsg1-1+deb12u1+b6`. Undefined when there is none.
 */
export function releaseText(version: string): string | undefined {
  return /^(?:\d+:)?v?(\d+(?:\.\d+)*)/.exec(version)?.[1];
}

function releaseOf(version: string): Release | undefined {
  const match = /^(?:\d+:)?v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(.*)$/.exec(version);
  if (match === null) return undefined;
  const [, major = '0', minor = '0', patch = '0', rest = ''] = match;
  const revision = rest.lastIndexOf('-');
  // the Debian revision names suites, never the state of the release; `-rc.1` without a revision stays
  const upstream = revision > 0 ? rest.slice(0, revision) : rest;
  return { numbers: [Number(major), Number(minor), Number(patch)], prerelease: PRERELEASE.test(upstream) };
}

/** Orders release numbers; what is left out counts as 0. */
export function compareNumbers(a: readonly number[], b: readonly number[]): Order {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Orders two Debian package versions as dpkg does: epoch, upstream, revision; digits by value, `~` before everything,
 * letters before other signs.
 * Source: deb-version(7); lib/dpkg/version.c (verrevcmp) for the order.
 */
export function compareDebianVersions(a: string, b: string): Order {
  const left = splitDebian(a);
  const right = splitDebian(b);
  return (
    left.epoch - right.epoch || comparePart(left.upstream, right.upstream) || comparePart(left.revision, right.revision)
  );
}

function splitDebian(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(':');
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  return {
    epoch: colon < 0 ? 0 : Number.parseInt(version.slice(0, colon), 10) || 0,
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? '' : rest.slice(dash + 1),
  };
}

/** Pairs of a run of other signs and a run of digits, the shorter side padded with nothing. */
function comparePart(a: string, b: string): Order {
  const left = [...a.matchAll(/(\D*)(\d*)/g)];
  const right = [...b.matchAll(/(\D*)(\d*)/g)];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const [, leftSigns = '', leftDigits = ''] = left[index] ?? [];
    const [, rightSigns = '', rightDigits = ''] = right[index] ?? [];
    const order = compareSigns(leftSigns, rightSigns) || compareDigits(leftDigits, rightDigits);
    if (order !== 0) return order;
  }
  return 0;
}

function compareSigns(a: string, b: string): Order {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = weight(a[index]) - weight(b[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function weight(sign: string | undefined): number {
  if (sign === undefined) return 0;
  if (sign === '~') return -1;
  const code = sign.codePointAt(0) ?? 0;
  return /[A-Za-z]/.test(sign) ? code : code + 256;
}

/** By value, of any length. */
function compareDigits(a: string, b: string): Order {
  const left = a.replace(/^0+/, '');
  const right = b.replace(/^0+/, '');
  if (left.length !== right.length) return left.length - right.length;
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** The newest of `versions` (Debian order) inside `range`; any release when `range` is undefined. */
export function newestMatching(versions: readonly string[], range: VersionRange | undefined): string | undefined {
  return versions
    .filter((version) => (range === undefined ? isRelease(version) : satisfies(version, range)))
    .sort(compareDebianVersions)
    .at(-1);
}

function isRelease(version: string): boolean {
  const release = releaseOf(version);
  return release !== undefined && !release.prerelease;
}
