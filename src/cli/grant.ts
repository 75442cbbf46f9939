import { Command, InvalidArgumentError, Option } from 'commander';
import { CONTROLLER_ACCOUNT } from '../api/access.ts';
import type { KubeObject } from '../api/meta.ts';
import { isForbidden } from '../kube/apiError.ts';
import type { Client } from '../kube/client.ts';
import { roleBindings, roles, type Role, type RoleBinding, type Subject } from '../kube/rbacResources.ts';
import { serviceAccounts } from '../kube/resource.ts';
import { openCluster, withCluster, type ClusterOptions } from './cluster.ts';
import { CliError, exitCode } from './exitCodes.ts';
import { checkBindings, checkRules, textOf, type Account } from './grantedBefore.ts';
import { print, remark } from './output.ts';

/** Name of the Role and of its binding, one of each in a namespace. */
const NAME = 'hostler-credentials';
const RBAC = 'rbac.authorization.k8s.io';

/** What counts when none is named. */
const USUAL: readonly Account[] = [CONTROLLER_ACCOUNT];

interface GrantOptions extends ClusterOptions {
  captureOutput?: true;
  serviceAccount: readonly Account[];
}

/** `hostler grant` */
export function grantCommand(): Command {
  return withCluster(new Command('grant').description('let the controllers read single Secrets, by their names'))
    .argument('[secret...]', 'names of Secrets with credentials')
    .option('--capture-output', 'also let them create Secrets there, for what commands print')
    .addOption(
      new Option('--service-account <namespace/name>', 'what the controllers run as; once for each, if several')
        .argParser(addServiceAccount)
        .default(USUAL, textOf(CONTROLLER_ACCOUNT)),
    )
    .addHelpText(
      'after',
      `
For a chart with secretAccess.mode=Named. Writes the Role ${NAME} and its binding in the Secrets' namespace; what was
granted before stays. Needs the right to list and write Roles and RoleBindings there, and to read (or create) the
Secrets oneself. Refuses while anybody is bound to that Role who is not named here.
RunCommand with captureOutput, and "hostler server logs --jobs", need --capture-output once in a namespace.

Examples:
  hostler grant eu-1-ssh --namespace acme
  hostler grant --capture-output --namespace acme
  hostler grant eu-1-ssh eu-2-ssh -n acme --service-account infra/hostler`,
    )
    .action(grant);
}

async function grant(names: string[], options: GrantOptions): Promise<void> {
  const { serviceAccount: accounts, captureOutput } = options;
  if (names.length === 0 && captureOutput !== true)
    throw new CliError(exitCode.usage, 'Name the Secrets that the controllers may read, or give --capture-output.');
  const { client, namespace } = openCluster(options);
  for (const account of accounts) await checkAccount(client, account);
  const role = { namespace, name: NAME };
  await checkBindings(client, role, accounts);
  const granted = await keepRole(client, namespace, { names, captureOutput });
  await keepBinding(client, namespace, accounts);
  // one may have been made meanwhile, as long as the Role gave nothing
  await checkBindings(client, role, accounts);
  const may = [
    ...(granted.names.length > 0 ? [`read ${granted.names.join(', ')}`] : []),
    ...(granted.captureOutput ? ['create Secrets for output'] : []),
  ];
  print(`${accounts.map(textOf).join(', ')} may in namespace ${namespace} ${may.join(' and ')}`);
}

/**
 * Kubernetes binds accounts that are not there without a word, and nothing would be granted.
 * @throws CliError when it is not there; whoever may not look is told so, and not held up.
 */
async function checkAccount(client: Client, account: Account): Promise<void> {
  try {
    if ((await client.find(serviceAccounts, account)) !== undefined) return;
    const { items } = await client.list(serviceAccounts, { namespace: account.namespace });
    throw new CliError(exitCode.notFound, missingText(account, items));
  } catch (error) {
    if (!isForbidden(error)) throw error;
    remark(`You may not look whether there is a ServiceAccount ${textOf(account)}: see that the name is right.`);
  }
}

function missingText(account: Account, others: readonly KubeObject[]): string {
  const names = others.map(({ metadata }) => metadata.name).filter((name) => name !== 'default');
  const found = names.length === 0 ? '' : ` In ${account.namespace} there is: ${names.join(', ')}.`;
  const advice = 'Name what the controllers run as, by --service-account; the message of SecretForbidden has it.';
  return `ServiceAccount ${textOf(account)} does not exist.${found} ${advice}`;
}

interface Granted {
  names: string[];
  captureOutput: boolean;
}

/** Adds what is asked for to the Role. Returns all that it gives now. */
async function keepRole(
  client: Client,
  namespace: string,
  asked: { names: string[]; captureOutput: true | undefined },
): Promise<Granted> {
  const found = await client.find(roles, { namespace, name: NAME });
  if (found !== undefined) checkRules(found);
  const before = found?.rules ?? [];
  const names = [...new Set([...before.flatMap(({ resourceNames = [] }) => resourceNames), ...asked.names])].sort();
  const captureOutput = asked.captureOutput ?? before.some(({ verbs }) => verbs.includes('create'));
  const secrets = { apiGroups: [''], resources: ['secrets'] };
  const rules = [
    // a rule without names would be for all Secrets
    ...(names.length > 0 ? [{ ...secrets, resourceNames: names, verbs: ['get'] }] : []),
    ...(captureOutput ? [{ ...secrets, verbs: ['create'] }] : []),
  ];
  const metadata = { namespace, name: NAME };
  const role: Role = { apiVersion: `${RBAC}/v1`, kind: 'Role', metadata, rules };
  if (found === undefined) await client.create(roles, role);
  else await client.update(roles, { ...found, rules });
  return { names, captureOutput };
}

/** {@link checkBindings} saw that nobody else is in it. */
async function keepBinding(client: Client, namespace: string, accounts: readonly Account[]): Promise<void> {
  const found = await client.find(roleBindings, { namespace, name: NAME });
  const metadata = { namespace, name: NAME };
  const roleRef = { apiGroup: RBAC, kind: 'Role', name: NAME };
  const before = found?.subjects ?? [];
  const missing = accounts.filter(
    ({ name, namespace: of }) => !before.some((s) => s.name === name && s.namespace === of),
  );
  if (missing.length === 0) return;
  const subjects = [...before, ...missing.map((account): Subject => ({ kind: 'ServiceAccount', ...account }))];
  const binding: RoleBinding = { apiVersion: `${RBAC}/v1`, kind: 'RoleBinding', metadata, roleRef, subjects };
  if (found === undefined) await client.create(roleBindings, binding);
  else await client.update(roleBindings, { ...found, subjects });
}

function addServiceAccount(text: string, before: readonly Account[]): readonly Account[] {
  return [...(before === USUAL ? [] : before), serviceAccount(text)];
}

function serviceAccount(text: string): Account {
  const [namespace = '', name = '', ...more] = text.split('/');
  if (namespace === '' || name === '' || more.length > 0)
    throw new InvalidArgumentError(`"${text}" is not namespace/name, such as hostler-system/hostler.`);
  return { namespace, name };
}
