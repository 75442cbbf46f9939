import { accepts, fixedAPI, TRAEFIK_REMEDY } from '../../compatibility.ts';
import type { HostFacts } from '../../facts.ts';
import type { Change, Difference, Obstacle } from '../../task.ts';
import { definitionOf, digestOf, LIVE, type Definition } from './definition.ts';
import type { FoundContainer, ProxyHave } from './facts.ts';
import { nginxConf, nginxDigest, NGINX_CONF } from './nginx.ts';
import { portConflict } from './ports.ts';
import { whyContainer, type ProxyWant, type WantedContainer } from './want.ts';

/** From the end of the old container until the new one answers. */
const SWITCH_SECONDS = 15;
const FREE = { disruption: 'None', expectedGapSeconds: 0 } as const;
const SWITCH = { disruption: 'RestartContainers', expectedGapSeconds: SWITCH_SECONDS } as const;

/** What separates the proxy from its spec: its files first, then the container. */
export function diffProxy(want: ProxyWant, have: ProxyHave, host: HostFacts): Difference {
  const { container } = want;
  if (container === undefined) return { changes: diffAbsent(have), obstacles: [] };
  if (!have.engine && !want.engineManaged) return { changes: [], obstacles: [noEngine()] };
  const clash = clashWithEngine(container, have);
  if (clash !== undefined) return { changes: [], obstacles: [clash] };
  const containers = diffContainer(container, have, host);
  return { changes: [...diffFiles(container, have), ...containers.changes], obstacles: containers.obstacles };
}

function diffAbsent({ live, next }: ProxyHave): Change[] {
  const found = live ?? next;
  if (found === undefined) return [];
  const running = [live, next].some((one) => one?.running === true);
  return [
    {
      name: 'proxy/remove',
      area: 'Proxy',
      what: `remove the proxy ${found.type ?? found.image}: nothing answers on ports 80 and 443 then; its files and volumes stay`,
      from: found.image,
      why: 'spec.proxy.type is None',
      ...(running ? { disruption: 'RestartContainers', expectedGapSeconds: 0 } : FREE),
      params: {},
    },
  ];
}

function diffFiles(container: WantedContainer, have: ProxyHave): Change[] {
  if (container.type !== 'Nginx' || have.nginxConf === nginxDigest(container)) return [];
  const reload = have.live?.running === true && have.live.type === 'Nginx';
  return [
    {
      name: 'proxy/files',
      area: 'Proxy',
      what: `write ${NGINX_CONF}${reload ? ' and have nginx take it over' : ''}`,
      from: have.nginxConf === undefined ? 'absent' : 'another content',
      to: container.redirectToHTTPS ? 'redirect to HTTPS' : 'no redirect',
      why: `spec.proxy.redirectToHTTPS is ${String(container.redirectToHTTPS)}${container.redirectOrigin}`,
      ...(reload ? { disruption: 'Reload', expectedGapSeconds: 0 } : FREE),
      params: { content: nginxConf(container) },
    },
  ];
}

function diffContainer(container: WantedContainer, have: ProxyHave, host: HostFacts): Difference {
  const { live, next } = have;
  const definition = definitionOf(container);
  // a next one beside one that does not run: whichever answers stays
  const wrong = live?.definition !== digestOf(definition) || (!live.running && next !== undefined);
  if (wrong) return unlessHeld(placeChange(container, definition, live), have, host);
  if (!live.running) return unlessHeld(startChange(container, live), have, host);
  return {
    changes: next === undefined ? [] : [leftoverChange(container, next)],
    obstacles: isAnswering(have) ? [] : [notAnswering(have)],
  };
}

/** What needs the ports waits while somebody else has them. */
function unlessHeld(change: Change, have: ProxyHave, host: HostFacts): Difference {
  const ours = [have.live, have.next].some((one) => one?.running === true);
  const conflict = ours ? undefined : portConflict(have, host);
  return conflict === undefined ? { changes: [change], obstacles: [] } : { changes: [], obstacles: [conflict] };
}

function placeChange(container: WantedContainer, definition: Definition, live: FoundContainer | undefined): Change {
  const { type, image, network } = container;
  return {
    name: 'proxy/container',
    area: 'Proxy',
    what:
      live === undefined
        ? `start ${type} (${image}) on ports 80 and 443`
        : `replace ${live.type ?? 'the container'} (${live.image}) by ${type} (${image}): the old one is removed once the new one answers, else it comes back`,
    ...(live === undefined ? {} : { from: live.image }),
    to: image,
    why: whyContainer(container),
    reason: live === undefined ? 'NotInstalled' : 'VersionMismatch',
    ...(live?.running === true ? SWITCH : FREE),
    params: { type, image, network, definition: digestOf(definition), ...argumentsOf(definition) },
    observeAfter: true,
  };
}

/** What the script gives to `docker create` and to the trial. */
function argumentsOf({ options, ports, command, trial, image }: Definition): { create: string[]; trial: string[] } {
  return {
    create: [...options, ...ports.map((port) => `--publish=${port}`), image, ...command],
    trial: [...trial.options, image, ...trial.command],
  };
}

function startChange(container: WantedContainer, { state }: FoundContainer): Change {
  return {
    name: 'proxy/start',
    area: 'Proxy',
    what: `start ${container.type} (${container.image})`,
    from: state,
    to: 'running',
    why: whyContainer(container),
    reason: 'NotRunning',
    ...FREE,
    params: {},
  };
}

function leftoverChange(container: WantedContainer, next: FoundContainer): Change {
  return {
    name: 'proxy/leftover',
    area: 'Proxy',
    what: `remove what is left of a replacement that was cut off (${next.image})`,
    why: whyContainer(container),
    ...FREE,
    params: {},
  };
}

/** An error page of the proxy's own would be a 5xx. */
function isAnswering({ status }: ProxyHave): boolean {
  return status !== undefined && status < 500;
}

function notAnswering({ live, status }: ProxyHave): Obstacle {
  const found = status === undefined ? 'gives no answer' : `answers with ${status}`;
  return {
    area: 'Proxy',
    reason: 'NotAnswering',
    message: `${live?.type ?? 'the proxy'} runs, but ${found} on port 80 of the host. See on the host: docker logs ${LIVE}. (Asking takes curl, wget or bash there.)`,
    terminal: false,
  };
}

function noEngine(): Obstacle {
  return {
    area: 'Proxy',
    reason: 'NotRunning',
    message:
      'the proxy is a container, and no Docker engine answers on the host. Start it there, or declare spec.docker to have Hostler bring it.',
    terminal: false,
  };
}

/** The engine that runs does not understand the declared proxy. */
function clashWithEngine({ type, version }: WantedContainer, { minimumAPI: minimum }: ProxyHave): Obstacle | undefined {
  const spoken = fixedAPI(type, version);
  if (spoken === undefined || minimum === undefined || accepts(minimum, spoken)) return undefined;
  return {
    area: 'Proxy',
    reason: 'IncompatibleAPI',
    message: `${type} ${version} speaks version ${spoken} of the engine's API, and the engine on the host accepts ${minimum} or newer: it would see no container. Set spec.proxy.version to ${TRAEFIK_REMEDY} or newer; what runs is left as it is.`,
    terminal: true,
  };
}
