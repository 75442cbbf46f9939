import { Command, InvalidArgumentError, Option } from 'commander';
import type { Client } from '../kube/client.ts';
import { roleBindings, roles, type Role, type RoleBinding, type Subject } from '../kube/rbacResources.ts';
import { openCluster, withCluster, type ClusterOptions } from './cluster.ts';
import { CliError, exitCode } from './exitCodes.ts';
import { print } from './output.ts';

/** Name of the Role and of its binding, one of each in a namespace. */
const NAME = 'hostler-credentials';
const RBAC = 'rbac.authorization.k8s.io';

interface GrantOptions extends ClusterOptions {
  captureOutput?: true;
  serviceAccount: { namespace: string; name: string };
}

/** `hostler grant` */
export function grantCommand(): Command {
  return withCluster(new Command('grant').description('let the controllers read single Secrets, by their names'))
    .argument('[secret...]', 'names of Secrets with credentials')
    .option('--capture-output', 'also let them create Secrets there, for what commands print')
    .addOption(
      new Option('--service-account <namespace/name>', 'what the controllers run as')
        .argParser(serviceAccount)
        .default({ namespace: 'hostler-system', name: 'hostler' }, 'hostler-system/hostler'),
    )
    .addHelpText(
      'after',
      `
For a chart with secretAccess.mode=Named. Writes the Role ${NAME} and its binding in the Secrets' namespace; what was
granted before stays. Needs the right to write Roles there, and to read (or create) the Secrets oneself.
RunCommand with captureOutput, and "hostler server logs --jobs", need --capture-output once in a namespace.

Examples:
  hostler grant eu-1-ssh --namespace acme
  hostler grant --capture-output --namespace acme
  hostler grant eu-1-ssh eu-2-ssh -n acme --service-account infra/hostler`,
    )
    .action(grant);
}

async function grant(names: string[], options: GrantOptions): Promise<void> {
  const { serviceAccount: account, captureOutput } = options;
  if (names.length === 0 && captureOutput !== true)
    throw new CliError(exitCode.usage, 'Name the Secrets that the controllers may read, or give --capture-output.');
  const { client, namespace } = openCluster(options);
  const granted = await keepRole(client, namespace, { names, captureOutput });
  await keepBinding(client, namespace, { kind: 'ServiceAccount', ...account });
  const may = [
    ...(granted.names.length > 0 ? [`read ${granted.names.join(', ')}`] : []),
    ...(granted.captureOutput ? ['create Secrets for output'] : []),
  ];
  print(`${account.namespace}/${account.name} may in namespace ${namespace} ${may.join(' and ')}`);
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
