import { describe, expect, it } from 'vitest';
import {
  afterAccepted,
  afterUndecided,
  beforeLogin,
  needsWriteAhead,
  permitLogin,
} from '../../../../src/controllers/server/loginPolicy.ts';
import { toTime } from '../../../../src/lib/clock.ts';

const MINUTE = 60_000;
const T0 = Date.parse('2026-01-01T00:00:00Z');

/** Tries whenever allowed for `hours`; the host always refuses. Returns the minutes of the tries. */
function triesWithin(hours: number, everAccepted: boolean): number[] {
  let auth = everAccepted ? afterAccepted('v0', 'PrivateKey') : undefined;
  const tries: number[] = [];
  for (let now = T0; now < T0 + hours * 60 * MINUTE; now += MINUTE) {
    if (!permitLogin(auth, { version: 'v1', now, forced: false }).allowed) continue;
    auth = beforeLogin(auth, 'v1', toTime(now));
    tries.push((now - T0) / MINUTE);
  }
  return tries;
}

describe('the login circuit breaker', () => {
  it('gives a Server never logged into three tries a minute apart, then probes after 1 hour, doubling', () => {
    expect(triesWithin(8, false)).toEqual([0, 1, 2, 62, 182, 422]);
  });

  it('stops a Server that was once accepted after the first rejection', () => {
    expect(triesWithin(8, true)).toEqual([0, 60, 180, 420]);
  });

  it('probes at least once a day', () => {
    const tries = triesWithin(24 * 10, true);
    expect((tries.at(-1) ?? 0) - (tries.at(-2) ?? 0)).toBe(24 * 60);
  });

  it('tries at once when the Secret or spec.ssh changed, or an operation asks', () => {
    const auth = beforeLogin(undefined, 'v1', toTime(T0));
    expect(permitLogin(auth, { version: 'v1', now: T0, forced: false }).allowed).toBe(false);
    expect(permitLogin(auth, { version: 'v2', now: T0, forced: false }).allowed).toBe(true);
    expect(permitLogin(auth, { version: 'v1', now: T0, forced: true }).allowed).toBe(true);
  });

  it('says how long to wait', () => {
    const auth = beforeLogin(afterAccepted('v0', 'Password'), 'v1', toTime(T0));
    expect(permitLogin(auth, { version: 'v1', now: T0 + 10 * MINUTE, forced: false })).toEqual({
      allowed: false,
      afterMs: 50 * MINUTE,
      failures: 1,
    });
  });

  it('tries again after half a minute while a change of its own may be what keeps it out', () => {
    const auth = beforeLogin(afterAccepted('v0', 'PrivateKey'), 'v0', toTime(T0));
    const at = { version: 'v0', forced: false, lockedOut: true };
    expect(permitLogin(auth, { ...at, now: T0 + MINUTE / 4 })).toMatchObject({ afterMs: MINUTE / 4 });
    expect(permitLogin(auth, { ...at, now: T0 + MINUTE / 2 }).allowed).toBe(true);
  });

  it('does not count a try that broke off before the credential was judged', () => {
    const accepted = afterAccepted('v0', 'PrivateKey');
    expect(afterUndecided(beforeLogin(accepted, 'v1', toTime(T0)))).toEqual(accepted);
    const once = beforeLogin(accepted, 'v1', toTime(T0));
    expect(afterUndecided(beforeLogin(once, 'v1', toTime(T0 + MINUTE))).failures).toBe(1);
  });

  it('writes ahead unless the very same credentials are proven', () => {
    expect(needsWriteAhead(undefined, 'v1')).toBe(true);
    expect(needsWriteAhead(afterAccepted('v1', 'PrivateKey'), 'v1')).toBe(false);
    expect(needsWriteAhead(afterAccepted('v1', 'PrivateKey'), 'v2')).toBe(true);
  });
});
