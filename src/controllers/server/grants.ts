import { CONTROLLER_ACCOUNT } from '../../api/access.ts';
import type { Client } from '../../kube/client.ts';

const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/**
 * How somebody lets these controllers at Secrets of a namespace.
 * @param asked  Arguments of `hostler grant` beside the namespace: the name of a Secret, or `--capture-output`.
 */
export async function howToGrant(
  client: Pick<Client, 'userName'>,
  { asked, namespace }: { asked: string; namespace: string },
  signal: AbortSignal,
): Promise<string> {
  const command = `hostler grant ${asked} --namespace ${namespace}`;
  // what was refused is what is told, also when the API does not say who we are
  const user = await client.userName({ signal }).catch(() => '');
  if (user === '') return command;
  const [, home, name] = SERVICE_ACCOUNT.exec(user) ?? [];
  // the command binds ServiceAccounts alone
  if (home === undefined || name === undefined) return `${command} (but for the user ${user}, by a Role of your own)`;
  if (home === CONTROLLER_ACCOUNT.namespace && name === CONTROLLER_ACCOUNT.name) return command;
  return `${command} --service-account ${home}/${name}`;
}
