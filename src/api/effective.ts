import type { Server } from './server.ts';
import type { Area, Disruption, Policy, ServerSpec } from './serverSpec.ts';

type Ssh = ServerSpec['ssh'];

/** `docker` with every default filled in; `version` stays absent when any version will do. */
export interface EffectiveDocker {
  version?: string;
  hold: boolean;
  source: { type: 'Distro' | 'DockerCE' };
  daemonConfig: Record<string, unknown>;
  users: string[];
}

/** How to become root. */
export interface EffectivePrivilege {
  mode: NonNullable<NonNullable<Ssh['privilege']>['mode']>;
  passwordSecretRef?: { name: string } | undefined;
}

/** The spec after all layers (built-in < profiles in order < Server): what the controller works on. */
export interface EffectiveServer {
  addresses: ServerSpec['addresses'];
  ssh: Omit<Ssh, 'privilege'> &
    Required<Pick<Ssh, 'addressType' | 'port' | 'hostKeyPolicy'>> & { privilege: EffectivePrivilege };
  policyOf: (area: Area) => Policy;
  defaultPolicy: Policy;
  /** Undefined = not stated: then Reload, or RestartContainers while no container runs. */
  automaticDisruption: Disruption | undefined;
  docker: EffectiveDocker | undefined;
  requirements: NonNullable<ServerSpec['requirements']>;
  hooks: readonly (NonNullable<ServerSpec['hooks']>[number] & {
    timeoutSeconds: number;
    failurePolicy: 'Ignore' | 'Fail';
  })[];
  paused: boolean;
  deletionPolicy: 'Retain' | 'RemoveAgent';
}

/** Lays the built-in defaults under a Server's spec (design.md 3, "Built-in defaults"). Pure. */
export function effectiveServer(server: Pick<Server, 'spec'>): EffectiveServer {
  const { spec } = server;
  const defaultPolicy = spec.management?.default ?? 'Manage';
  const areas = spec.management?.areas ?? [];
  return {
    addresses: spec.addresses,
    ssh: {
      ...spec.ssh,
      addressType: spec.ssh.addressType ?? 'Auto',
      port: spec.ssh.port ?? 22,
      hostKeyPolicy: spec.ssh.hostKeyPolicy ?? 'TrustOnFirstUse',
      privilege: { ...spec.ssh.privilege, mode: spec.ssh.privilege?.mode ?? 'Auto' },
    },
    policyOf: (area) => areas.find((entry) => entry.area === area)?.policy ?? defaultPolicy,
    defaultPolicy,
    automaticDisruption: spec.disruption?.automatic,
    docker: spec.docker === undefined ? undefined : effectiveDocker(spec.docker),
    requirements: spec.requirements ?? {},
    hooks: (spec.hooks ?? []).map((hook) => ({
      ...hook,
      timeoutSeconds: hook.timeoutSeconds ?? 60,
      failurePolicy: hook.failurePolicy ?? 'Fail',
    })),
    paused: spec.paused ?? false,
    deletionPolicy: spec.deletionPolicy ?? 'Retain',
  };
}

function effectiveDocker(docker: NonNullable<ServerSpec['docker']>): EffectiveDocker {
  return {
    ...(docker.version === undefined ? {} : { version: docker.version }),
    hold: docker.hold ?? true,
    source: docker.source ?? { type: 'Distro' },
    daemonConfig: docker.daemonConfig ?? {},
    users: docker.users ?? [],
  };
}
