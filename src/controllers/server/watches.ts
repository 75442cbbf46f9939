import { findCondition } from '../../api/conditions.ts';
import type { ArtifactBundle } from '../../api/artifactBundle.ts';
import { knownHostName, type KnownHost } from '../../api/knownHost.ts';
import { effectiveServer, lastHop } from '../../api/effective.ts';
import type { Server } from '../../api/server.ts';
import type { ServerOperation } from '../../api/serverOperation.ts';
import type { Controller } from '../../kube/controller.ts';
import type { Informer } from '../../kube/informer.ts';
import { keyOf, type ObjectKey } from '../../kube/resource.ts';
import { SHARD_INDEX, shardIndex } from '../../kube/shards.ts';

/** Informers of the Server controller. */
export interface ServerSources {
  servers: Informer<Server>;
  knownHosts: Informer<KnownHost>;
  operations: Informer<ServerOperation>;
  bundles: Informer<ArtifactBundle>;
}

/** Indexes that the lookups below and the reconciler use; before the informers start. */
export function indexServerSources({ servers, operations }: ServerSources): void {
  operations.addIndex('server', (operation) => [
    `${operation.metadata.namespace ?? ''}/${operation.spec.serverRef.name}`,
  ]);
  servers.addIndex('knownHost', (server) => knownHostKeys(server));
  servers.addIndex('bundle', (server) => {
    const key = bundleKeyOf(server);
    return key === undefined ? [] : [`${key.namespace}/${key.name}`];
  });
  servers.addIndex(SHARD_INDEX, shardIndex);
  servers.addIndex('machine', ({ status }) => (status?.identity?.machineID ? [status.identity.machineID] : []));
}

/** Maps every change that matters to a Server to that Server's key. */
export function watchServers(
  controller: Controller,
  { servers, knownHosts, operations, bundles }: ServerSources,
): void {
  servers.addHandler({
    added: (server, initial) => controller.enqueue(keyOf(server), { priority: initial ? 'resync' : 'user' }),
    updated: (before, server) => {
      if (isForUs(before, server)) controller.enqueue(keyOf(server));
    },
    deleted: (server) => controller.enqueue(keyOf(server)),
  });
  operations.addHandler({
    added: (operation) => enqueueServer(controller, operation),
    updated: (before, operation) => {
      if (before.metadata.generation !== operation.metadata.generation) enqueueServer(controller, operation);
    },
  });
  const enqueueUsers = (knownHost: KnownHost) => {
    const { namespace = '', name } = knownHost.metadata;
    for (const server of servers.byIndex('knownHost', `${namespace}/${name}`)) controller.enqueue(keyOf(server));
  };
  // a new one is our own write or needs no hurry; a changed or deleted one decides who is trusted
  knownHosts.addHandler({
    added: (knownHost, initial) => {
      if (!initial) enqueueUsers(knownHost);
    },
    updated: (before, knownHost) => {
      if (before.metadata.generation !== knownHost.metadata.generation) enqueueUsers(knownHost);
    },
    deleted: enqueueUsers,
  });
  const enqueueReceivers = ({ metadata: { namespace = '', name } }: ArtifactBundle) => {
    for (const server of servers.byIndex('bundle', `${namespace}/${name}`)) controller.enqueue(keyOf(server));
  };
  bundles.addHandler({
    added: (bundle, initial) => {
      if (!initial) enqueueReceivers(bundle);
    },
    updated: (before, bundle) => {
      if (before.metadata.generation !== bundle.metadata.generation || readinessOf(before) !== readinessOf(bundle))
        enqueueReceivers(bundle);
    },
  });
}

/** Our own status writes bring nothing new: only spec, deletion and finalizers do. */
function isForUs(before: Server, server: Server): boolean {
  return (
    before.metadata.generation !== server.metadata.generation ||
    before.metadata.deletionTimestamp !== server.metadata.deletionTimestamp ||
    before.metadata.finalizers?.length !== server.metadata.finalizers?.length
  );
}

function enqueueServer(controller: Controller, { metadata, spec, status }: ServerOperation): void {
  if (status?.phase !== undefined && status.phase !== 'Pending' && status.phase !== 'Running') return;
  controller.enqueue({ namespace: metadata.namespace ?? '', name: spec.serverRef.name });
}

function readinessOf({ status }: ArtifactBundle): string | undefined {
  return findCondition(status?.conditions, 'Ready')?.status;
}

/** The ArtifactBundle that a Server refers to. */
export function bundleKeyOf({ metadata, spec }: Server): Required<ObjectKey> | undefined {
  const name = spec.docker?.source?.bundle?.bundleRef.name;
  return name === undefined ? undefined : { namespace: metadata.namespace ?? '', name };
}

function knownHostKeys(server: Server): string[] {
  const { addresses, ssh } = effectiveServer(server);
  const namespace = server.metadata.namespace ?? '';
  return addresses.map(({ address }) => `${namespace}/${knownHostName(address, ssh.port, lastHop(ssh))}`);
}
