import { accepts, fixedAPI, minimumAPI, TRAEFIK_REMEDY } from '../../compatibility.ts';
import type { Change, Obstacle } from '../../task.ts';
import type { FoundContainer, ProxyHave } from './facts.ts';
import type { ProxyWant } from './want.ts';

/**
 * A change of the engine that would cut the proxy off from it, with why it has to wait: for the proxy to be updated
 * first, or for good.
 */
export function vetoEngine(want: ProxyWant, { live }: ProxyHave, change: Change): Obstacle | undefined {
  const { container: declared } = want;
  const minimum = minimumAfter(want, change);
  if (minimum === undefined || declared === undefined) return undefined;
  const what = `Hostler would ${change.what}; the engine then accepts version ${minimum} of its API and newer`;
  if (isCutOff(declared, minimum)) {
    return {
      area: 'Docker',
      reason: 'IncompatibleAPI',
      message: `${what}, and ${declared.type} ${declared.version} of spec.proxy cannot speak that: it would see no container. Set spec.proxy.version to ${TRAEFIK_REMEDY} or newer (it is updated first), or declare an engine below 29.`,
      terminal: true,
    };
  }
  const running = runningProxy(live);
  if (running === undefined || !isCutOff(running, minimum)) return undefined;
  return {
    area: 'Docker',
    reason: 'IncompatibleAPI',
    message: `${what}, and the proxy that runs, ${running.type} ${running.version}, cannot speak that. The engine waits until the proxy is replaced by ${declared.type} ${declared.version}.`,
    terminal: false,
  };
}

/** The oldest API that the engine accepts once `change` is made; undefined: that does not change. */
function minimumAfter({ declaredMinimumAPI }: ProxyWant, { name, to = '' }: Change): string | undefined {
  if (name === 'docker-engine/package') return declaredMinimumAPI ?? minimumAPI(to);
  const configures = name.startsWith('docker-engine/daemon-config') && to.includes('min-api-version');
  return configures ? declaredMinimumAPI : undefined;
}

function isCutOff({ type, version }: { type: string; version: string }, minimum: string): boolean {
  const spoken = fixedAPI(type, version);
  return spoken !== undefined && !accepts(minimum, spoken);
}

/** By the release that the image names, else by its tag. */
function runningProxy(live: FoundContainer | undefined): { type: string; version: string } | undefined {
  if (live?.running !== true || live.type === undefined) return undefined;
  return { type: live.type, version: live.release ?? /:([^/:]+)$/.exec(live.image)?.[1] ?? '' };
}
