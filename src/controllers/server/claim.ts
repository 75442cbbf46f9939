import type { KubeObject } from '../../api/meta.ts';
import type { Claim, Owner } from '../../host/ownership.ts';
import type { ServerDeps } from './deps.ts';
import type { Scope } from './scope.ts';

/** What a claim is made of. */
export type ClaimDeps = Pick<ServerDeps, 'installationUID' | 'servers' | 'shards'>;

/**
 * What lets this process write to the host: installation, Server, and the token of the Server's shard.
 * @throws WaitingError ShardNotHeld
 */
export function claimOf(deps: ClaimDeps, scope: Scope): Claim {
  const { uid } = scope.server.metadata;
  const { leaseUid, transitions } = deps.shards.token(uid);
  return {
    owner: { installation: deps.installationUID, server: uid, token: { lease: leaseUid, transitions } },
    stillHeld: () => deps.shards.confirm(uid),
    nameOf: (owner) => nameOf(deps, scope, owner),
  };
}

function nameOf(
  deps: Omit<ClaimDeps, 'shards'>,
  scope: Pick<Scope, 'server'>,
  { installation, server }: Pick<Owner, 'installation' | 'server'>,
): string | undefined {
  if (installation !== deps.installationUID) return undefined;
  const found = deps.servers.list().find(({ metadata }) => metadata.uid === server)?.metadata;
  if (found === undefined) return `a Server that was deleted and left the host as it was (UID ${server})`;
  return `${namedFor(scope, found)}, which has the same host`;
}

/** Another Server, as the users of this one may know it: those of other namespaces belong to other organisations. */
export function namedFor({ server }: Pick<Scope, 'server'>, other: KubeObject['metadata']): string {
  return other.namespace === server.metadata.namespace ? `Server ${other.name}` : 'a Server of another namespace';
}
