import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Pki } from './pki/pki.ts';
import type { Storage } from './storage/storage.ts';

/** What {@link startApiServer} needs. */
export interface ApiServerOptions {
  storage: Storage;
  /** The server's certificate, and the CA of client certificates (CN = user name, O = groups). */
  pki: Pick<Pki, 'ca' | 'serving'>;
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
