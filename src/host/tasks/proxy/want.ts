import type { EffectiveServer } from '../../../api/effective.ts';
import type { ProxyType } from '../../../api/proxySpec.ts';

/** A type that is a container. */
export type RunningType = Exclude<ProxyType, 'None'>;

/** A proxy that is to run, with every default of its type filled in. */
export interface WantedContainer {
  type: RunningType;
  /** Tag of the image. */
  version: string;
  /** Image and tag. */
  image: string;
  network: string;
  redirectToHTTPS: boolean;
  acme?: { email: string; server?: string | undefined };
  /** Values that nobody declared: `version 1.28`. */
  defaults: readonly string[];
}

/** `spec.proxy`, ready to be compared. */
export interface ProxyWant {
  /** Absent: no proxy is to run. */
  container?: WantedContainer;
  /** Hostler brings the engine that the proxy needs. */
  engineManaged: boolean;
  /** Oldest API that the declared daemon configuration asks the engine to accept. */
  declaredMinimumAPI?: string;
}

const DEFAULTS: Readonly<Record<RunningType, { image: string; version: string }>> = {
  Traefik: { image: 'traefik', version: '3.6' },
  Nginx: { image: 'nginx', version: '1.28' },
  NginxProxyManager: { image: 'jc21/nginx-proxy-manager', version: '2' },
};

/** Undefined when the proxy is not managed. */
export function proxyWant({ proxy, docker, policyOf }: EffectiveServer): ProxyWant | undefined {
  if (proxy === undefined) return undefined;
  const minimum = docker?.daemonConfig['min-api-version'];
  return {
    ...(proxy.type === 'None' ? {} : { container: containerOf(proxy, proxy.type) }),
    engineManaged: docker !== undefined && policyOf('Docker') === 'Manage',
    ...(typeof minimum === 'string' ? { declaredMinimumAPI: minimum } : {}),
  };
}

function containerOf(proxy: NonNullable<EffectiveServer['proxy']>, type: RunningType): WantedContainer {
  const { image, version } = DEFAULTS[type];
  const tag = proxy.version ?? version;
  return {
    type,
    version: tag,
    image: `${proxy.image ?? image}:${tag}`,
    network: proxy.network,
    redirectToHTTPS: proxy.redirectToHTTPS,
    ...(proxy.acme === undefined ? {} : { acme: proxy.acme }),
    defaults: [
      ...(proxy.version === undefined ? [`version ${version}`] : []),
      ...(proxy.image === undefined ? [`image ${image}`] : []),
    ],
  };
}

/** The fields behind a change of the proxy, with where their values come from. */
export function whyContainer({ type, version, defaults }: WantedContainer): string {
  const declared = defaults.some((one) => one.startsWith('version')) ? '' : ` and spec.proxy.version ${version}`;
  const origin = defaults.length === 0 ? '' : `; ${defaults.join(', ')} by default`;
  return `spec.proxy.type is ${type}${declared}${origin}`;
}
