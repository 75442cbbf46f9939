import type { ServerStatus } from '../../api/serverStatus.ts';

type Auth = NonNullable<ServerStatus['auth']>;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A Server never yet logged into: sshd or the key may still be on their way. */
const FIRST_TRIES = 3;
const FIRST_TRY_SPACING_MS = MINUTE;
/** While a change of ours may be what keeps us out: the host takes it back within a minute or two. */
const LOCKED_OUT_SPACING_MS = MINUTE / 2;
const PROBE_BASE_MS = HOUR;
const PROBE_CAP_MS = 24 * HOUR;

/** Whether a login may be tried now. */
export type LoginPermit = { allowed: true } | { allowed: false; afterMs: number; failures: number };

/**
 * The circuit breaker of rejected logins (design.md 4): after a rejection no further try until the credentials or
 * spec.ssh change (another `version`), an operation asks (`forced`), or a half-open probe after 1 hour, doubling to
 * 24. A Server never yet logged into gets 3 tries at least 60 s apart.
 * @param options.version  Digest of what a login depends on; no secret.
 * @param options.lockedOut  A change that the host is about to take back may be the cause of the rejections.
 */
export function permitLogin(
  auth: Auth | undefined,
  options: { version: string; now: number; forced: boolean; lockedOut?: boolean },
): LoginPermit {
  const failures = auth?.failures ?? 0;
  if (auth === undefined || failures === 0 || auth.attemptedVersion !== options.version || options.forced) {
    return { allowed: true };
  }
  const since = options.now - Date.parse(auth.lastAttemptTime ?? '1970-01-01T00:00:00Z');
  const wait = options.lockedOut ? LOCKED_OUT_SPACING_MS : waitMs(failures, auth.acceptedVersion === undefined);
  return since >= wait ? { allowed: true } : { allowed: false, afterMs: wait - since, failures };
}

function waitMs(failures: number, neverAccepted: boolean): number {
  const free = neverAccepted ? FIRST_TRIES : 1;
  if (failures < free) return FIRST_TRY_SPACING_MS;
  return Math.min(PROBE_CAP_MS, PROBE_BASE_MS * 2 ** Math.min(failures - free, 10));
}

/** `auth` before a login with `version` is tried: the failure is counted first, so that a crash loop is bounded. */
export function beforeLogin(auth: Auth | undefined, version: string, now: string): Auth {
  const same = auth?.attemptedVersion === version;
  return {
    ...auth,
    attemptedVersion: version,
    failures: (same ? (auth.failures ?? 0) : 0) + 1,
    lastAttemptTime: now,
  };
}

/** Whether a login with `version` must be counted before it is tried: not while the same credentials are proven. */
export function needsWriteAhead(auth: Auth | undefined, version: string): boolean {
  return auth?.acceptedVersion !== version || (auth.failures ?? 0) > 0;
}

/** `auth` after the host accepted the login. */
export function afterAccepted(version: string, current: NonNullable<Auth['current']>): Auth {
  return { acceptedVersion: version, current };
}

/** `auth` after a try that ended before the credential was judged: it does not count. */
export function afterUndecided(auth: Auth | undefined): Auth {
  const { failures = 0, ...rest } = auth ?? {};
  return failures > 1 ? { ...rest, failures: failures - 1 } : withoutAttempt(rest);
}

function withoutAttempt(auth: Auth): Auth {
  const { acceptedVersion, current } = auth;
  return { ...(acceptedVersion && { acceptedVersion }), ...(current && { current }) };
}
