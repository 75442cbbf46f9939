import type { Client } from '../../src/kube/client.ts';
import { leases } from '../../src/kube/resource.ts';

/** By shard: the replica that holds it, as its Lease says. */
export async function shardHolders(client: Client): Promise<Map<number, string>> {
  const { items } = await client.list(leases, { namespace: 'hostler-system' });
  const shards = items.filter(({ metadata }) => metadata.name.startsWith('hostler-shard-'));
  return new Map(
    shards.map(({ metadata, spec }) => [Number(metadata.name.slice(-2)), spec?.holderIdentity ?? ''] as const),
  );
}

/** How many shards the one of these replicas with the fewest has. */
export function fewestShards(holders: ReadonlyMap<number, string>, replicas: readonly string[]): number {
  return Math.min(...replicas.map((name) => [...holders.values()].filter((holder) => holder === name).length));
}
