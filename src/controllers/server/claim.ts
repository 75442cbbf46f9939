import type { Claim } from '../../host/ownership.ts';
import type { ServerDeps } from './deps.ts';
import type { Scope } from './scope.ts';

/**
 * What lets this process write to the host: installation, Server, and the token of the Server's shard.
 * @throws WaitingError ShardNotHeld
 */
export function claimOf(deps: ServerDeps, scope: Scope): Claim {
  const { uid } = scope.server.metadata;
  const { leaseUid, transitions } = deps.shards.token(uid);
  return {
    owner: { installation: deps.installationUID, server: uid, token: { lease: leaseUid, transitions } },
    stillHeld: () => deps.shards.confirm(uid),
  };
}
