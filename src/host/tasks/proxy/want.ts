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
  /** ` by default`, or nothing when that is declared. */
  redirectOrigin: string;
  acme?: { email: string; server?: string | undefined };
  /** For people: version, image and network, with where they come from. */
  origins: string;
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
export function proxyWant(effective: EffectiveServer): ProxyWant | undefined {
  const { proxy, docker, policyOf } = effective;
  if (proxy === undefined) return undefined;
  const minimum = docker?.daemonConfig['min-api-version'];
  return {
    ...(proxy.type === 'None' ? {} : { container: containerOf(effective, proxy, proxy.type) }),
    engineManaged: docker !== undefined && policyOf('Docker') === 'Manage',
    ...(typeof minimum === 'string' ? { declaredMinimumAPI: minimum } : {}),
  };
}

function containerOf(
  { originOf }: EffectiveServer,
  proxy: NonNullable<EffectiveServer['proxy']>,
  type: RunningType,
): WantedContainer {
  const { image, version, network } = { ...DEFAULTS[type], ...defined(proxy) };
  const origins = Object.entries({ version, image, network }).map(
    ([name, value]) => `${name} ${value}${originOf(`proxy.${name}`)}`,
  );
  return {
    type,
    version,
    image: `${image}:${version}`,
    network,
    redirectToHTTPS: proxy.redirectToHTTPS,
    redirectOrigin: originOf('proxy.redirectToHTTPS'),
    ...(proxy.acme === undefined ? {} : { acme: proxy.acme }),
    origins: origins.join(', '),
  };
}

/** What is declared, without what is not. */
function defined({ version, image, network }: NonNullable<EffectiveServer['proxy']>) {
  return { network, ...(version === undefined ? {} : { version }), ...(image === undefined ? {} : { image }) };
}

/** The fields behind a change of the proxy, with where their values come from. */
export function whyContainer({ type, origins }: WantedContainer): string {
  return `spec.proxy.type is ${type}, ${origins}`;
}
