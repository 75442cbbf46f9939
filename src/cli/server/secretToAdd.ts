import { isAlreadyExists } from '../../kube/apiError.ts';
import { secrets, type Secret } from '../../kube/resource.ts';
import { canonicalJson } from '../../lib/canonicalJson.ts';
import type { Cluster } from '../cluster.ts';
import { CliError, exitCode } from '../exitCodes.ts';
import { createOnce, persist, type Patience } from '../poll.ts';

/**
 * Sees to it that the Secret is there. One with the very same credential is taken, as a command whose answer was lost
 * leaves it.
 * @returns whether it is known to be of this command's making.
 * @throws CliError failed  when one with another credential is there, or when the API stays away.
 */
export async function ensureSecret(cluster: Cluster, secret: Secret, patienceMs: number): Promise<boolean> {
  const { name } = secret.metadata;
  const patience: Patience = {
    patienceMs,
    undone: `Secret ${cluster.namespace}/${name} may have been created, the Server was not. Run the same command again to go on`,
  };
  try {
    if (await createOnce(() => cluster.client.create(secrets, secret), patience)) return true;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  await demandSame(cluster, secret, patience);
  return false;
}

async function demandSame({ client, namespace }: Cluster, secret: Secret, patience: Patience): Promise<void> {
  const { name } = secret.metadata;
  const found = await persist(() => client.get(secrets, { namespace, name }), patience);
  if (credentialOf(found) === credentialOf(secret)) return;
  throw new CliError(
    exitCode.failed,
    `Secret ${namespace}/${name} exists already, with another credential, such as from a deleted Server. Remove it with: kubectl delete secret ${name} -n ${namespace}`,
  );
}

function credentialOf({ type, data }: Secret): string {
  return canonicalJson({ type, data });
}
