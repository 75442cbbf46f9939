import { Command, InvalidArgumentError, Option } from 'commander';
import type { Client } from '../kube/client.ts';
import { roleBindings, roles, type Role, type RoleBinding, type Subject } from '../kube/rbacResources.ts';
import { openCluster, withCluster, type ClusterOptions } from './cluster.ts';
import { print } from './output.ts';

/** Name of the Role and of its binding, one of each in a namespace. */
const NAME = 'hostler-credentials';
const RBAC = 'rbac.authorization.k8s.io';

interface GrantOptions extends ClusterOptions {
  serviceAccount: { namespace: string; name: string };
}

/** `hostler grant` */
export function grantCommand(): Command {
  return withCluster(new Command('grant').description('let the controllers read single Secrets, by their names'))
    .argument('<secret...>', 'names of Secrets with credentials')
    .addOption(
      new Option('--service-account <namespace/name>', 'what the controllers run as')
        .argParser(serviceAccount)
        .default({ namespace: 'hostler-system', name: 'hostler' }, 'hostler-system/hostler'),
    )
    .addHelpText(
      'after',
      `
For a chart with secretAccess.mode=Named. Writes the Role ${NAME} and its binding in the Secrets' namespace; what was
granted before stays. Needs the right to write Roles there, and to read the Secrets oneself.

Examples:
  hostler grant eu-1-ssh --namespace acme
  hostler grant eu-1-ssh eu-2-ssh -n acme --service-account infra/hostler`,
    )
    .action(grant);
}

async function grant(names: string[], options: GrantOptions): Promise<void> {
  const { client, namespace } = openCluster(options);
  const granted = await keepRole(client, namespace, names);
  await keepBinding(client, namespace, { kind: 'ServiceAccount', ...options.serviceAccount });
  const { serviceAccount: account } = options;
  print(`${account.namespace}/${account.name} may read in namespace ${namespace}: ${granted.join(', ')}`);
}

/** Adds the names to the Role. Returns all that it names now. */
async function keepRole(client: Client, namespace: string, names: readonly string[]): Promise<string[]> {
  const found = await client.find(roles, { namespace, name: NAME });
  const before = found?.rules?.flatMap(({ resourceNames = [] }) => resourceNames) ?? [];
  const resourceNames = [...new Set([...before, ...names])].sort();
  const rules = [{ apiGroups: [''], resources: ['secrets'], resourceNames, verbs: ['get'] }];
  const metadata = { namespace, name: NAME };
  const role: Role = { apiVersion: `${RBAC}/v1`, kind: 'Role', metadata, rules };
  if (found === undefined) await client.create(roles, role);
  else await client.update(roles, { ...found, rules });
  return resourceNames;
}

async function keepBinding(client: Client, namespace: string, subject: Subject): Promise<void> {
  const found = await client.find(roleBindings, { namespace, name: NAME });
  const subjects = found?.subjects ?? [];
  if (subjects.some(({ name, namespace: of }) => name === subject.name && of === subject.namespace)) return;
  const metadata = { namespace, name: NAME };
  const roleRef = { apiGroup: RBAC, kind: 'Role', name: NAME };
  const binding: RoleBinding = {
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata,
    roleRef,
    subjects: [subject],
  };
  if (found === undefined) await client.create(roleBindings, binding);
  else await client.update(roleBindings, { ...found, subjects: [...subjects, subject] });
}

function serviceAccount(text: string): GrantOptions['serviceAccount'] {
  const [namespace = '', name = '', ...more] = text.split('/');
  if (namespace === '' || name === '' || more.length > 0)
    throw new InvalidArgumentError(`"${text}" is not namespace/name, such as hostler-system/hostler.`);
  return { namespace, name };
}
