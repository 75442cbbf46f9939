import type { Verdict } from '../../api/conditions.ts';
import type { Preflight } from '../../host/preflight.ts';
import { formatDuration } from '../../lib/duration.ts';
import type { Scope } from './scope.ts';

/** After which a preflight is not believed any more; `--requalify-after` is at most as long. Milliseconds. */
export const EXPIRED_AFTER_MS = 30 * 24 * 3600_000;

/** Qualified, from this run's preflight or, when the host could not be looked at, from the age of the last one. */
export function judgeQualified(scope: Scope): Verdict | undefined {
  return scope.preflight === undefined ? judgeAge(scope) : judgePreflight(scope.preflight);
}

function judgePreflight({ checks, result, warnings }: Preflight): Verdict {
  const wrong = checks.filter((check) => check.result === 'Fail').map((check) => `${check.name}: ${check.message}`);
  switch (result) {
    case 'Qualified': {
      const message = warnings === 0 ? 'every check passed' : `every Required check passed, ${warnings} warned`;
      return { status: 'True', reason: 'AllChecksPassed', message };
    }
    case 'NeedsSetup':
      return { status: 'False', reason: 'NeedsSetup', message: wrong.join('; ') };
    case 'Unqualified':
      return { status: 'False', reason: 'ChecksFailed', message: wrong.join('; ') };
  }
}

/** What passed stays True for a while, and what failed False, until nobody can know any more. */
function judgeAge({ server, now, requalifyAfterMs }: Scope): Verdict | undefined {
  const last = server.status?.qualification;
  if (last === undefined) return undefined;
  const ageMs = now - Date.parse(last.lastCheckTime);
  const since = (ms: number): string =>
    `the last preflight ran at ${last.lastCheckTime}, more than ${formatDuration(ms)} ago`;
  if (ageMs > EXPIRED_AFTER_MS) {
    const message = `${since(EXPIRED_AFTER_MS)}; make the host reachable or delete the Server`;
    return { status: 'Unknown', reason: 'Expired', message };
  }
  if (ageMs <= requalifyAfterMs || last.result !== 'Qualified') return undefined;
  return { status: 'True', reason: 'Stale', message: `${since(requalifyAfterMs)}; make the host reachable` };
}
