import type { Artifact } from './artifactBundle.ts';
import type { Hardening } from './hardeningSpec.ts';
import type { Reason } from './reasons.ts';
import type { Server } from './server.ts';
import type { ProxyType } from './proxySpec.ts';
import type { Area, Disruption, Policy, ServerSpec } from './serverSpec.ts';

type Ssh = ServerSpec['ssh'];

/**
 * What an object holds that the spec refers to, read for one run. Absent where nobody read it yet: then nothing that
 * depends on it is judged.
 */
export type Referred<T> = { value: T } | { problem: ReferenceProblem };

/** Why it could not be had, for the condition of the area that needs it. */
export interface ReferenceProblem {
  reason: Reason;
  /** With the remedy. */
  message: string;
  /** Only a person can help. */
  terminal: boolean;
}

/** `docker.source.mirror` with every default filled in; `suite` stays absent for the codename of the host's system. */
export interface EffectiveMirror {
  url: string;
  suite?: string | undefined;
  components: string[];
  packages: 'DockerCE' | 'Distro';
  keySecretRef: { name: string };
  /** ASCII-armored, not checked yet. */
  signingKey?: Referred<string>;
}

/** A file of an ArtifactBundle, and what is wrong with it where it lies. */
export type BundleArtifact = Artifact & { problem?: ReferenceProblem };

/** `docker.source.bundle` with every default filled in. */
export interface EffectiveBundle {
  bundleRef: { name: string };
  packages: 'DockerCE' | 'Distro';
  artifacts?: Referred<readonly BundleArtifact[]>;
}

interface EffectiveSource {
  type: 'Distro' | 'DockerCE' | 'Mirror' | 'Bundle';
  /** With type Mirror. */
  mirror?: EffectiveMirror;
  /** With type Bundle. */
  bundle?: EffectiveBundle;
}

/** `docker` with every default filled in; `version` stays absent when any version will do. */
interface EffectiveDocker {
  version?: string | undefined;
  downgrade: 'Refuse' | 'Allow';
  hold: boolean;
  source: EffectiveSource;
  daemonConfig: Record<string, unknown>;
  users: string[];
}

/** `proxy` with every default filled in that does not depend on its type. */
interface EffectiveProxy {
  type: ProxyType;
  version?: string | undefined;
  image?: string | undefined;
  network: string;
  redirectToHTTPS: boolean;
  acme?: { email: string; server?: string | undefined } | undefined;
}

/** `ssh` with every default filled in. */
export interface EffectiveSsh extends Omit<Ssh, 'addressType' | 'port' | 'hostKeyPolicy' | 'privilege'> {
  addressType: NonNullable<Ssh['addressType']>;
  port: number;
  hostKeyPolicy: NonNullable<Ssh['hostKeyPolicy']>;
  privilege: EffectivePrivilege;
}

/** How to become root. */
interface EffectivePrivilege {
  mode: NonNullable<NonNullable<Ssh['privilege']>['mode']>;
  passwordSecretRef?: { name: string } | undefined;
}

/** A hook with its limits filled in. */
interface EffectiveHook {
  name: string;
  when: 'PreProvision' | 'PostProvision';
  script: string;
  timeoutSeconds: number;
  failurePolicy: 'Ignore' | 'Fail';
}

/** The spec after all layers (built-in < profiles in order < Server): what the controller works on. */
export interface EffectiveServer {
  addresses: ServerSpec['addresses'];
  ssh: EffectiveSsh;
  policyOf: (area: Area) => Policy;
  defaultPolicy: Policy;
  /** Undefined = not stated: then Reload, or RestartContainers while no container runs. */
  automaticDisruption: Disruption | undefined;
  docker: EffectiveDocker | undefined;
  proxy: EffectiveProxy | undefined;
  /** Has no defaults: what is not stated is the host's own affair. */
  hardening: Hardening | undefined;
  requirements: NonNullable<ServerSpec['requirements']>;
  hooks: readonly EffectiveHook[];
  paused: boolean;
  deletionPolicy: 'Retain' | 'RemoveAgent';
  /** Where the value of a field comes from, for the why of a change: ` by default`, or nothing when it is declared. */
  originOf: (path: string) => string;
}

/** The lowest layer (design.md 3, "Built-in defaults"); `hostler server plan` names it as the origin. */
const builtinDefaults = {
  ssh: { addressType: 'Auto', port: 22, hostKeyPolicy: 'TrustOnFirstUse' },
  privilege: { mode: 'Auto' },
  policy: 'Manage',
  mirror: { components: ['stable'], packages: 'DockerCE' },
  bundle: { packages: 'DockerCE' },
  docker: { downgrade: 'Refuse', hold: true, source: { type: 'Distro' }, daemonConfig: {}, users: [] },
  proxy: { network: 'hostler-proxy', redirectToHTTPS: true },
  hook: { timeoutSeconds: 60, failurePolicy: 'Fail' },
  server: { requirements: {}, hooks: [], paused: false, deletionPolicy: 'Retain' },
} as const;

type Layered<D, S> = Omit<S, keyof D> & { [K in keyof D & keyof S]-?: Exclude<S[K], undefined> };

/** `stated` over `defaults`: what is not stated comes from below. */
function layer<D extends object, S extends { [K in keyof D]?: unknown }>(defaults: D, stated: S | undefined) {
  const defined = Object.entries(stated ?? {}).filter(([, value]) => value !== undefined);
  return { ...structuredClone(defaults), ...Object.fromEntries(defined) } as Layered<D, S>;
}

/** Name of the Server that dials the host itself; undefined without jump hosts. */
export function lastHop({ jumpHosts }: Pick<EffectiveSsh, 'jumpHosts'>): string | undefined {
  return jumpHosts?.at(-1)?.serverRef.name;
}

/** Lays the built-in defaults under a Server's spec. Pure. */
export function effectiveServer(server: Pick<Server, 'spec'>): EffectiveServer {
  const spec = layer(builtinDefaults.server, server.spec);
  return {
    addresses: spec.addresses,
    ssh: {
      ...layer(builtinDefaults.ssh, spec.ssh),
      privilege: layer(builtinDefaults.privilege, spec.ssh.privilege),
    },
    ...policies(spec.management),
    automaticDisruption: spec.disruption?.automatic,
    docker: spec.docker && effectiveDocker(spec.docker),
    proxy: spec.proxy && layer(builtinDefaults.proxy, spec.proxy),
    hardening: spec.hardening,
    requirements: spec.requirements,
    hooks: spec.hooks.map((hook) => layer(builtinDefaults.hook, hook)),
    paused: spec.paused,
    deletionPolicy: spec.deletionPolicy,
    originOf: (path) => (isDeclared(server.spec, path.split('.')) ? '' : ' by default'),
  };
}

function effectiveDocker(stated: NonNullable<ServerSpec['docker']>): EffectiveDocker {
  const { source, ...docker } = layer(builtinDefaults.docker, stated);
  return { ...docker, source: effectiveSource(source) };
}

function effectiveSource(stated: NonNullable<NonNullable<ServerSpec['docker']>['source']>): EffectiveSource {
  const { type, mirror, bundle } = stated;
  if (type === 'Bundle' && bundle !== undefined) return { type, bundle: layer(builtinDefaults.bundle, bundle) };
  return type === 'Mirror' && mirror !== undefined ? { type, mirror: layer(builtinDefaults.mirror, mirror) } : { type };
}

function isDeclared(value: unknown, [name, ...rest]: readonly string[]): boolean {
  if (name === undefined) return value !== undefined;
  return typeof value === 'object' && value !== null && isDeclared((value as Record<string, unknown>)[name], rest);
}

function policies(management: ServerSpec['management']): Pick<EffectiveServer, 'policyOf' | 'defaultPolicy'> {
  const defaultPolicy = management?.default ?? builtinDefaults.policy;
  const own = new Map(management?.areas?.map((entry) => [entry.area, entry.policy]));
  return { defaultPolicy, policyOf: (area) => own.get(area) ?? defaultPolicy };
}
