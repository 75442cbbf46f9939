import { ADMIN, CONTROLLER_MANAGER, ensurePki } from './pki.ts';
import type { KeyPair } from './certificates.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';

const RENEW_EVERY_MS = 24 * 3600_000;

/** The certificates of one control plane. */
export interface Certificates {
  /** Of the CA, PEM. */
  ca: string;
  serving: KeyPair;
  /** Signs tokens of ServiceAccounts, PEM. */
  accountKey: string;
  admin: KeyPair;
  controllers: KeyPair;
}

/** Where they are kept, and the names that the server answers to. */
export interface CertificateOptions {
  directory: string;
  hosts: readonly string[];
  clock: Clock;
}

/** The certificates, made or renewed where needed. @throws Error when the CA is damaged or over. */
export async function readCertificates({ directory, hosts, clock }: CertificateOptions): Promise<Certificates> {
  const pki = await ensurePki(directory, { hosts, clock });
  return {
    ca: pki.ca,
    serving: pki.serving,
    accountKey: pki.accountKey,
    admin: await pki.client(ADMIN),
    controllers: await pki.client(CONTROLLER_MANAGER),
  };
}

/**
 * Looks once a day, so that no certificate ends while the process runs; goes on until `signal` aborts.
 * @param options.renewed  Puts the new ones to use; some may be the old ones.
 */
export async function keepCertificates(
  current: Certificates,
  options: CertificateOptions & {
    renewed: (certificates: Certificates) => Promise<void>;
    log: Logger;
    signal: AbortSignal;
  },
): Promise<void> {
  const { clock, signal, log } = options;
  let last = current;
  while (await hasPassed(RENEW_EVERY_MS, clock, signal)) {
    try {
      const next = await readCertificates(options);
      if (isSame(last, next)) continue;
      await options.renewed(next);
      last = next;
      log.info({ directory: options.directory }, 'renewed certificates that were near their end');
    } catch (error) {
      log.error({ error }, 'certificates could not be renewed; it is tried again tomorrow');
    }
  }
}

/** @returns false when `signal` came first. */
function hasPassed(ms: number, clock: Clock, signal: AbortSignal): Promise<boolean> {
  return clock.sleep(ms, signal).then(
    () => true,
    () => false,
  );
}

function isSame(one: Certificates, other: Certificates): boolean {
  return (['serving', 'admin', 'controllers'] as const).every((name) => one[name].cert === other[name].cert);
}
