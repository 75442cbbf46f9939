import { compareNumbers } from '../lib/versionRange.ts';

/** How far engines and proxies understand each other: a proxy that reads containers speaks the engine's API. */

const API = /^(\d{1,3})\.(\d{1,3})$/;
/** Fills up a tag such as `3.6`, which stands for the newest release of its line. */
const NEWEST = Number.MAX_SAFE_INTEGER;

/** Engines from this major version on refuse what is older. Source: Docker Engine 29 release notes, breaking changes. */
const RAISED = { major: 29, minimum: '1.44' } as const;
const MINIMUM_BEFORE = '1.24';

/**
 * Traefik spoke one fixed version of the API until it learnt to ask for it: v2.11.31, v3.6.1.
 * Source: github.com/traefik/traefik issue 12253, pull requests 12255 and 12256.
 */
const TRAEFIK_FIXED = '1.24';
const TRAEFIK_NEGOTIATES = { two: [2, 11, 31], three: [3, 6, 1] } as const;

/** First release of Traefik that works with every engine, for messages. */
export const TRAEFIK_REMEDY = '3.6.1';

/**
 * The only version of the engine's API that this proxy speaks. Undefined: it does not speak to the engine at all, or
 * takes what the engine has.
 * @param version  A tag (`3.5`, `v3.6.0`, `latest`) or a release.
 */
export function fixedAPI(type: string, version: string): string | undefined {
  if (type !== 'Traefik') return undefined;
  const release = releaseOfTag(version);
  if (release === undefined) return undefined;
  const [major] = release;
  const since = major >= 3 ? TRAEFIK_NEGOTIATES.three : TRAEFIK_NEGOTIATES.two;
  return compareNumbers(release, since) < 0 ? TRAEFIK_FIXED : undefined;
}

/** The oldest API that an engine of this version accepts, unless it is configured otherwise; undefined: not known. */
export function minimumAPI(engine: string): string | undefined {
  const major = /^(?:\d+:)?(\d+)/.exec(engine)?.[1];
  if (major === undefined) return undefined;
  return Number(major) >= RAISED.major ? RAISED.minimum : MINIMUM_BEFORE;
}

/** True when an engine that accepts `minimum` and newer understands `spoken`. Unreadable versions are no reason to refuse. */
export function accepts(minimum: string, spoken: string): boolean {
  const [least, has] = [API.exec(minimum), API.exec(spoken)];
  if (least === null || has === null) return true;
  return compareNumbers([Number(has[1]), Number(has[2])], [Number(least[1]), Number(least[2])]) >= 0;
}

function releaseOfTag(tag: string): readonly [number, number, number] | undefined {
  const found = /^v?(\d{1,5})(?:\.(\d{1,5}))?(?:\.(\d{1,5}))?(?![\d.])/.exec(tag);
  if (found === null) return undefined;
  const [, major, minor, patch] = found;
  return [Number(major), minor === undefined ? NEWEST : Number(minor), patch === undefined ? NEWEST : Number(patch)];
}
