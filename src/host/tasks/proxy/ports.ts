import type { HostFacts, PortHolder } from '../../facts.ts';
import type { Check } from '../../preflight.ts';
import type { Obstacle } from '../../task.ts';
import type { ProxyHave } from './facts.ts';
import type { ProxyWant } from './want.ts';

/**
 * Somebody else has the ports; named, so that a person knows whom to stop. A docker-proxy that no container stands
 * behind is the engine's own doing: it was seen after a host lost power while the ports went from one container to
 * another, and only a restart of the engine ends it.
 */
export function portConflict(have: ProxyHave, { ports = [] }: HostFacts): Obstacle | undefined {
  const others = ports.filter(({ process }) => process !== 'docker-proxy').map(describe);
  const containers = have.publishers.map((name) => `container ${name}`);
  const who = [...new Set([...others, ...containers])];
  if (who.length > 0) {
    return conflict(
      `${who.join(', ')}. Stop that for good (systemctl disable --now, or docker stop), or set spec.proxy.type to None.`,
    );
  }
  if (ports.length === 0) return undefined;
  return conflict(
    `${ports.map(describe).join(', ')}, behind which no container runs. The engine of another user may have them; if there is none, the engine forgot to give them back (power lost in the middle of a replacement): restart it on the host, systemctl restart docker.`,
  );
}

function conflict(held: string): Obstacle {
  return {
    area: 'Proxy',
    reason: 'PortConflict',
    message: `the proxy needs ports 80 and 443, which are held: ${held}`,
    terminal: false,
  };
}

/** The preflight check `ports` while a proxy is declared: ports that it holds itself are as they should be. */
export function judgePorts(want: ProxyWant, have: ProxyHave, host: HostFacts): Check {
  if (want.container === undefined) return unmanagedPorts(host);
  if (have.live?.running === true) return pass('The declared proxy holds ports 80 and 443.');
  const conflict = portConflict(have, host);
  if (conflict !== undefined) return warn(conflict.message);
  return unmanagedPorts(host);
}

/** The same where no proxy is declared: a proxy could be. */
export function unmanagedPorts({ ports }: HostFacts): Check {
  if (ports === undefined) {
    return { ...warn('Ports 80 and 443 could not be looked at: install iproute2 (ss).'), reason: 'CheckFailed' };
  }
  if (ports.length === 0) return pass('Ports 80 and 443 are free.');
  const held = ports.map(describe).join(', ');
  return warn(`Held: ${held}. A proxy could not start; stop that service if a proxy is to run here.`);
}

function describe({ port, process, pid }: PortHolder): string {
  return `port ${port} by ${nameOf(process)}${pid === undefined ? '' : ` (pid ${pid})`}`;
}

function nameOf(process: string | undefined): string {
  if (process === undefined) return 'a process that only root can see';
  return process === 'docker-proxy' ? 'a container (docker-proxy)' : process;
}

function pass(message: string): Check {
  return { name: 'ports', severity: 'Warning', result: 'Pass', fixable: false, reason: 'CheckPassed', message };
}

function warn(message: string): Check {
  return { name: 'ports', severity: 'Warning', result: 'Warn', fixable: false, reason: 'PortConflict', message };
}
