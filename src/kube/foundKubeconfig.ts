import { type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { KubeconfigError } from './connection.ts';
import type { Kubeconfig } from './kubeconfigSchema.ts';

/** What runs programs, sends the credentials elsewhere, or sends a file of this machine to the server. */
const REFUSED = {
  cluster: ['proxy-url', 'certificate-authority'],
  user: ['exec', 'auth-provider', 'tokenFile', 'client-certificate', 'client-key'],
} as const;

/**
 * A kubeconfig that nobody named, and that only lies in the working directory, may be somebody else's: of an archive,
 * of a clone, of /tmp. It is only taken when it can be what `hostler serve` wrote there: a private file of this user.
 * @throws KubeconfigError  that says what is wrong with it.
 */
export function checkFoundFile(path: string): void {
  const problem = problemOf(dirname(path), 0o022) ?? problemOf(path, 0o077);
  if (problem !== undefined) throw refused(path, problem);
}

/** The same for what is in it: `hostler serve` writes everything into the one file. @throws KubeconfigError */
export function checkFoundContent(path: string, { clusters, users }: Kubeconfig): void {
  const used = [
    ...REFUSED.cluster.filter((field) => clusters?.some(({ cluster }) => cluster[field] !== undefined)),
    ...REFUSED.user.filter((field) => users?.some(({ user }) => user?.[field] !== undefined)),
  ];
  if (used.length > 0) throw refused(path, `it has ${used.join(', ')}, which "hostler serve" never writes`);
}

function problemOf(path: string, forbidden: number): string | undefined {
  const { uid, mode } = statSync(path);
  const own = process.getuid?.() ?? uid;
  if (uid !== own && uid !== 0) return `${path} belongs to user ${uid}, not to you`;
  return (mode & forbidden) === 0 ? undefined : tooOpen(path, { mode }, forbidden);
}

function tooOpen(path: string, { mode }: Pick<Stats, 'mode'>, forbidden: number): string {
  const rights = (mode & 0o777).toString(8).padStart(4, '0');
  return `${path} has mode ${rights}, which lets others at it (chmod ${forbidden === 0o022 ? 'go-w' : 'go='} ${path})`;
}

function refused(path: string, why: string): KubeconfigError {
  return new KubeconfigError(
    `${path} is not taken just because it is in this directory: ${why}. If it is yours, name it: --kubeconfig ${path}`,
  );
}
