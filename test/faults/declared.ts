import type { ServerSpec } from '../../src/api/serverSpec.ts';
import { tags } from '../support/proxyImages.ts';
import type { HostPlan } from './schedule.ts';
import { USER, type Target } from './target.ts';

/** What the hook and the command of a schedule write a line to. */
export const HOOK_LOG = '/var/tmp/hook-ran';
export const COMMAND_LOG = '/var/tmp/command-ran';
/** The newer release of Docker's own engine. */
export const NEWER_ENGINE = '28';

type Docker = NonNullable<ServerSpec['docker']>;
type Proxy = NonNullable<ServerSpec['proxy']>;

const engines: Readonly<Record<HostPlan['engine'], Docker>> = {
  'docker.io': { version: '20.10' },
  'docker-ce': { version: '26', source: { type: 'DockerCE' }, daemonConfig: { 'live-restore': true } },
};

/** The proxy that a host has from the beginning. @param image  Of nginx, without tag. */
function firstProxy(image: string): Proxy {
  return { type: 'Nginx', image, version: tags.good };
}

/** The proxy that is declared in its place. */
export function laterProxy({ to }: NonNullable<HostPlan['proxy']>, image: string): Proxy {
  return to === 'another version'
    ? { type: 'Nginx', image, version: tags.newer }
    : { type: 'Traefik', image: image.replace('nginx', 'traefik'), version: 'stand-in' };
}

/** The Server of a host at the beginning. */
export function specOf({ link, account, plan: { hook, engine, proxy } }: Target, image: string): ServerSpec {
  const auth = { privateKeySecretRef: { name: 'key' } };
  const withPassword = {
    hostKeyPolicy: 'TrustOnFirstUse',
    privilege: { passwordSecretRef: { name: 'sudo' } },
  } as const;
  const docker = engines[engine];
  const registry = { 'insecure-registries': [image.replace(/\/.*/, '')] };
  return {
    addresses: [{ type: 'IPv4', address: '127.0.0.1' }],
    ssh: {
      port: link.port,
      user: account === 'root' ? 'root' : USER,
      auth,
      ...(account === 'passwordSudo' && withPassword),
    },
    docker: proxy === undefined ? docker : { ...docker, daemonConfig: { ...docker.daemonConfig, ...registry } },
    ...(proxy && { proxy: firstProxy(image) }),
    disruption: { automatic: proxy === undefined ? 'RestartService' : 'RestartContainers' },
    requirements: { disk: '1G' },
    hooks: [{ name: 'once', when: hook.when, script: `echo ran >>${HOOK_LOG}; sleep ${hook.seconds}` }],
  };
}
