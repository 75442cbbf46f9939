import { effectiveServer } from '../../api/effective.ts';
import type { Server } from '../../api/server.ts';
import { TerminalError } from '../../lib/errors.ts';
import { fingerprint } from '../../ssh/knownHostKey.ts';
import { namedFor } from './claim.ts';
import type { ServerDeps } from './deps.ts';
import type { Scope } from './scope.ts';

const remedy =
  'Delete one of the two Servers, or create a ServerOperation of type TakeOver for this one. If they are two machines, one is a clone: give it a machine id (systemd-machine-id-setup) and host keys (ssh-keygen -A) of its own.';

/**
 * Only one Server may change a machine: the one that owns it, or, while nobody does, the older one.
 * The owner file decides in the end; this says what is wrong, also of clones that have no owner file yet.
 * @throws TerminalError DuplicateMachine
 */
export function refuseDuplicate(deps: Pick<ServerDeps, 'servers' | 'installationUID'>, scope: Scope): void {
  const other = firstOf(deps, scope);
  if (other === undefined) return;
  const { machineID = '' } = scope.observation?.facts ?? {};
  throw new TerminalError(
    'DuplicateMachine',
    `This is the machine of ${namedFor(scope, other.metadata)}: both have machine id ${machineID} and the same host key.`,
    { remedy },
  );
}

/** The Server that comes before this one on the same machine. */
function firstOf(deps: Pick<ServerDeps, 'servers' | 'installationUID'>, scope: Scope): Server | undefined {
  const { owner } = scope.observation?.facts ?? {};
  switch (owner?.state) {
    case 'Owned':
      if (owner.installation !== deps.installationUID || owner.server === scope.server.metadata.uid) return undefined;
      return others(deps, scope).find(({ metadata }) => metadata.uid === owner.server);
    case 'Free':
      return others(deps, scope).find((other) => isBefore(other, scope.server));
    default:
      return undefined;
  }
}

/** The other Servers on the machine; by index, as every change of every Server asks for them. */
function others({ servers }: Pick<ServerDeps, 'servers'>, { server, observation, login }: Scope): Server[] {
  const machineID = observation?.facts.machineID;
  if (login?.outcome !== 'connected' || machineID === undefined) return [];
  const twins = servers.byIndex('machine', machineID).filter(({ metadata }) => metadata.uid !== server.metadata.uid);
  if (twins.length === 0) return [];
  const { hostKey, hostKeys } = login.session.login;
  const ours = new Set([hostKey, ...hostKeys].map(fingerprint));
  return twins.filter(({ status }) => status?.hostKeys?.some((key) => key.trusted && ours.has(key.fingerprint)));
}

/** Who only observes, or goes, leaves the machine to others. */
function isBefore(other: Server, server: Server): boolean {
  if (other.metadata.deletionTimestamp !== undefined || effectiveServer(other).defaultPolicy === 'Observe')
    return false;
  return age(other) < age(server);
}

function age({ metadata }: Server): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.uid ?? ''}`;
}
