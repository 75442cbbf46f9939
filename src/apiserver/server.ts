import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Storage } from './storage/storage.ts';

/** The certificates the server shows and trusts, all PEM. pki/ makes them. */
export interface ServingCertificates {
  /** The CA that signed `cert`; clients put it into their kubeconfig, and `kube-root-ca.crt` publishes it. */
  ca: string;
  /** Serving certificate (with intermediates) for the listen address. */
  cert: string;
  key: string;
  /** CA of client certificates; default `ca`. CN = user name, O = groups. */
  clientCa?: string;
}

/** What {@link startApiServer} needs. */
export interface ApiServerOptions {
  storage: Storage;
  pki: ServingCertificates;
  /** Port 0 = any free port. */
  listen: { host: string; port: number };
  log: Logger;
  /** Default: the system's. */
  clock?: Clock;
  /** CustomResourceDefinitions to install (or bring up to date) before `ready`. */
  crds?: readonly object[];
  /** Receives one JSON line per finished request, when given. */
  auditLog?: { write(line: string): void };
}

/** A running server. */
export interface ApiServer {
  /** `https://host:port` */
  url: string;
  caPem: string;
  /** Resolves once the namespaces and `crds` exist and are established and `/readyz` says ok; rejects when that fails. */
  ready: Promise<void>;
  /** Ends watches, waits for running requests (10 s at most) and closes the listener; not the storage. */
  close(): Promise<void>;
}

/** Starts the Kubernetes API on `options.storage`. Resolves when it listens. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  throw new Error(`not implemented: ${options.listen.host}`);
}
