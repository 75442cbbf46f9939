import type { ArtifactBundle } from '../../src/api/artifactBundle.ts';
import type { ServerOperation } from '../../src/api/serverOperation.ts';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import type { ClaimDeps } from '../../src/controllers/server/claim.ts';
import type { ServerMemory } from '../../src/controllers/server/memory.ts';
import { newScope, type Scope } from '../../src/controllers/server/scope.ts';
import type { HostFacts } from '../../src/host/facts.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import type { PooledSession } from '../../src/ssh/session.ts';

/** What a test cares about in a run; the rest is as dull as can be. */
interface Given {
  /** Default: {@link serverWith} nothing in particular. */
  server?: Scope['server'];
  now?: number;
  requalifyAfterMs?: number;
  memory?: ServerMemory;
  operations?: readonly ServerOperation[];
  /** The ArtifactBundle that the Server refers to. */
  bundle?: ArtifactBundle | undefined;
  /** The run has logged in. */
  session?: PooledSession;
}

/** Server acme/eu-1. */
export function serverWith(spec: Partial<ServerSpec> = {}): Scope['server'] {
  return {
    apiVersion: 'hostler.dev/v1alpha1',
    kind: 'Server',
    metadata: { uid: 'uid-eu-1', namespace: 'acme', name: 'eu-1', generation: 1 },
    spec: { addresses: [{ type: 'IPv4', address: '203.0.113.10' }], ssh: { user: 'root', auth: {} }, ...spec },
  };
}

/** Memory of a process that has just started. */
export function emptyMemory(): ServerMemory {
  return { observation: undefined, fullLookAt: undefined, sessionKey: undefined, connectFailures: 0 };
}

/** A run that begins. */
export function scopeOf({
  server,
  session,
  now = 0,
  memory,
  operations = [],
  bundle,
  requalifyAfterMs = 1,
}: Given): Scope {
  const scope = newScope(server ?? serverWith(), {
    now,
    requalifyAfterMs,
    signal: new AbortController().signal,
    log: silentLogger,
    memory: memory ?? emptyMemory(),
    operations,
    bundle,
  });
  if (session !== undefined) scope.login = { outcome: 'connected', session, credential: 'PrivateKey', hostKeys: [] };
  return scope;
}

/** The run has looked at a host of nobody's, with these facts. */
export function observed(scope: Scope, facts: Partial<HostFacts>): Scope {
  const dull: HostFacts = { packageManager: 'apt', initSystem: 'systemd', fileSystems: [], owner: { state: 'Free' } };
  const slow = { signature: '', at: 0, results: new Map() };
  scope.observation = { facts: { ...dull, ...facts }, have: new Map(), failed: new Map(), at: 0, slow };
  return scope;
}

/** Lets a run write to its host: this process holds every shard, and knows no other Server. */
export const claimDeps: ClaimDeps = {
  installationUID: 'installation-1',
  servers: { get: () => undefined, list: () => [], byIndex: () => [] },
  shards: {
    holds: () => true,
    confirm: () => Promise.resolve(true),
    token: () => ({ leaseUid: 'lease-1', transitions: 1 }),
    onChange: () => () => undefined,
  },
};
