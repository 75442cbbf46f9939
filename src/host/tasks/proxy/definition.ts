import { digest } from '../../../lib/canonicalJson.ts';
import type { RunningType, WantedContainer } from './want.ts';

/** The container that answers, by name; while it is replaced, the new one has the other name. */
export const LIVE = 'hostler-proxy';
export const NEXT = 'hostler-proxy-next';
/** Labels of Hostler's container. */
export const label = { type: 'dev.hostler.proxy', definition: 'dev.hostler.definition' } as const;
/** What people may put files into; Hostler owns only the files that it names. */
export const CONFIG_ROOT = '/etc/hostler/proxy';

/** Everything that makes a container what it is. Pure data: its digest tells whether the one on the host is this one. */
export interface Definition {
  type: RunningType;
  image: string;
  network: string;
  /** Options of `docker create` beside name, labels, network and ports. */
  options: string[];
  /** `[address:]host-port:container-port`. */
  ports: string[];
  /** Arguments of the image. */
  command: string[];
  /** What a throw-away container of the image has to survive before the old proxy goes: options, then arguments. */
  trial: { options: string[]; command: string[] };
}

const WEB_PORTS = ['80:80', '443:443'];
const CAPABILITIES = ['CHOWN', 'NET_BIND_SERVICE', 'SETGID', 'SETUID'];

/** The container that the spec describes. */
export function definitionOf(want: WantedContainer): Definition {
  return { type: want.type, image: want.image, network: want.network, ...renderers[want.type](want) };
}

/** Tells definitions apart. */
export function digestOf(definition: Definition): string {
  return digest(definition);
}

type Rendered = Omit<Definition, 'type' | 'image' | 'network'>;

const renderers: Readonly<Record<RunningType, (want: WantedContainer) => Rendered>> = {
  Nginx: renderNginx,
  Traefik: renderTraefik,
  NginxProxyManager: renderManager,
};

/** Its whole configuration lies on the host, so that a change of it is a reload. */
function renderNginx({ network }: WantedContainer): Rendered {
  const mounts = [
    `--volume=${CONFIG_ROOT}/nginx:/etc/nginx/hostler:ro`,
    `--volume=${CONFIG_ROOT}/nginx/acme-challenge:/var/www/acme-challenge:ro`,
  ];
  const scratch = ['/run', '/tmp', '/var/cache/nginx', '/var/lib/nginx'].map((path) => `--tmpfs=${path}`);
  const nginx = ['nginx', '-c', '/etc/nginx/hostler/nginx.conf'];
  const options = [...confined(), '--read-only', ...scratch, ...mounts];
  return {
    options,
    ports: WEB_PORTS,
    command: [...nginx, '-g', 'daemon off;'],
    trial: { options: [`--network=${network}`, ...options], command: [...nginx, '-t', '-q'] },
  };
}

/** Reads the labels of containers, so it sees the engine's socket, and files in a directory that it watches. */
function renderTraefik({ network, redirectToHTTPS, acme }: WantedContainer): Rendered {
  const redirect = redirectToHTTPS
    ? ['to=websecure', 'scheme=https', 'permanent=true'].map(
        (setting) => `--entryPoints.web.http.redirections.entryPoint.${setting}`,
      )
    : [];
  return {
    options: [
      ...confined(),
      '--read-only',
      '--tmpfs=/tmp',
      '--volume=/var/run/docker.sock:/var/run/docker.sock:ro',
      `--volume=${CONFIG_ROOT}/traefik:/etc/traefik/dynamic:ro`,
      '--volume=hostler-proxy-traefik:/data',
    ],
    ports: WEB_PORTS,
    command: [
      '--global.checkNewVersion=false',
      '--global.sendAnonymousUsage=false',
      '--entryPoints.web.address=:80',
      '--entryPoints.websecure.address=:443',
      ...redirect,
      '--providers.docker=true',
      '--providers.docker.exposedByDefault=false',
      `--providers.docker.network=${network}`,
      '--providers.file.directory=/etc/traefik/dynamic',
      '--providers.file.watch=true',
      ...(acme === undefined ? [] : acmeArguments(acme)),
    ],
    trial: { options: ['--network=none'], command: ['version'] },
  };
}

function acmeArguments({ email, server }: NonNullable<WantedContainer['acme']>): string[] {
  const resolver = '--certificatesResolvers.acme.acme';
  return [
    `${resolver}.email=${email}`,
    `${resolver}.storage=/data/acme.json`,
    `${resolver}.httpChallenge.entryPoint=web`,
    ...(server === undefined ? [] : [`${resolver}.caServer=${server}`]),
    '--entryPoints.websecure.http.tls.certResolver=acme',
  ];
}

/** Has its own web page for everything, which only the host itself reaches, and its own database. */
function renderManager(): Rendered {
  return {
    options: ['--volume=hostler-proxy-npm-data:/data', '--volume=hostler-proxy-npm-letsencrypt:/etc/letsencrypt'],
    ports: [...WEB_PORTS, '127.0.0.1:81:81'],
    command: [],
    trial: { options: ['--network=none', '--entrypoint=/bin/sh'], command: ['-c', 'true'] },
  };
}

function confined(): string[] {
  return ['--security-opt=no-new-privileges', '--cap-drop=ALL', ...CAPABILITIES.map((name) => `--cap-add=${name}`)];
}
