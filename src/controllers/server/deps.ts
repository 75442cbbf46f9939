import type { ArtifactBundle } from '../../api/artifactBundle.ts';
import type { KnownHost } from '../../api/knownHost.ts';
import type { Server } from '../../api/server.ts';
import type { ServerOperation } from '../../api/serverOperation.ts';
import type { AnyTask } from '../../host/task.ts';
import type { Client } from '../../kube/client.ts';
import type { EventRecorder } from '../../kube/eventRecorder.ts';
import type { Lister } from '../../kube/informer.ts';
import type { Shards } from '../../kube/shards.ts';
import type { StatusWriter } from '../../kube/statusWriter.ts';
import type { BundleDirectory } from '../../lib/bundleDirectory.ts';
import type { Clock } from '../../lib/clock.ts';
import type { SessionPool } from '../../ssh/pool.ts';

/** Cadence and limits of the Server controller; times in milliseconds. Flags of `serve` and `controller`. */
export interface ServerIntervals {
  /** Between two looks at a healthy host; default 2 min. */
  healthMs: number;
  /** Between two full looks, at everything that is managed; default 10 min. */
  driftMs: number;
  /** Age after which the preflight of a host that cannot be looked at is Stale; default 7 days. */
  requalifyMs: number;
}

/** What the Server controller works with. */
export interface ServerDeps {
  client: Client;
  servers: Lister<Server>;
  knownHosts: Lister<KnownHost>;
  operations: Lister<ServerOperation>;
  bundles: Lister<ArtifactBundle>;
  bundleDirectory: BundleDirectory;
  statusWriter: StatusWriter<Server>;
  operationStatus: StatusWriter<ServerOperation>;
  events: EventRecorder;
  shards: Shards;
  /** UID of the ConfigMap hostler-installation. */
  installationUID: string;
  pool: SessionPool;
  tasks: readonly AnyTask[];
  clock: Clock;
  intervals: ServerIntervals;
  deniedCidrs: readonly string[];
}
