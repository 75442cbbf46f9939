import type { Client } from '../kube/client.ts';
import { roleBindings, type Role, type RoleBinding, type Subject } from '../kube/rbacResources.ts';
import { CliError, exitCode } from './exitCodes.ts';

/** A ServiceAccount of controllers. */
export interface Account {
  namespace: string;
  name: string;
}

interface Place {
  namespace: string;
  name: string;
}

/**
 * Whoever may write Roles, but read no Secrets, can make a Role of this name before there is anything in it, and bind
 * himself to it. So a Role is only added to when nobody else is bound to it.
 * @throws CliError  naming everybody whom a RoleBinding, of any name, lets at the Role's Secrets beside `accounts`.
 */
export async function checkBindings(client: Client, role: Place, accounts: readonly Account[]): Promise<void> {
  const { items } = await client.list(roleBindings, { namespace: role.namespace });
  for (const binding of items) {
    const bound = isOf(binding, role);
    if (!bound && binding.metadata.name === role.name) throw new CliError(exitCode.failed, otherRole(binding));
    const others = (binding.subjects ?? []).filter(
      (subject) => !accounts.some((account) => isAccount(subject, account)),
    );
    if (bound && others.length > 0) throw new CliError(exitCode.failed, otherSubjects(binding, others));
  }
}

/** @throws CliError  when a Role has more or other rules than `hostler grant` writes: what they are for, it cannot say. */
export function checkRules(role: Role): void {
  const foreign = role.rules?.find((rule) => !isOurs(rule));
  if (foreign === undefined) return;
  const { namespace = '', name } = role.metadata;
  throw new CliError(
    exitCode.failed,
    `Role ${namespace}/${name} has a rule that "hostler grant" does not write: ${JSON.stringify(foreign)}. ` +
      `If nothing else needs it: kubectl delete role ${name} -n ${namespace}`,
  );
}

/** `namespace/name` */
export function textOf({ namespace, name }: Place): string {
  return `${namespace}/${name}`;
}

function isOf({ roleRef }: RoleBinding, role: Place): boolean {
  return roleRef.kind === 'Role' && roleRef.name === role.name;
}

function isAccount(subject: Subject, account: Account): boolean {
  return subject.kind === 'ServiceAccount' && subject.name === account.name && subject.namespace === account.namespace;
}

function isOurs({ apiGroups, resources, resourceNames = [], verbs }: NonNullable<Role['rules']>[number]): boolean {
  const only = (values: readonly string[] | undefined, value: string) => values?.length === 1 && values[0] === value;
  if (!only(apiGroups, '') || !only(resources, 'secrets')) return false;
  return resourceNames.length > 0 ? only(verbs, 'get') : only(verbs, 'create');
}

function otherRole({ metadata, roleRef }: RoleBinding): string {
  const where = `${metadata.namespace ?? ''}/${metadata.name}`;
  return (
    `RoleBinding ${where} is of ${roleRef.kind} ${roleRef.name}, and its roleRef cannot be changed. ` +
    `If nothing else needs it: kubectl delete rolebinding ${metadata.name} -n ${metadata.namespace ?? ''}`
  );
}

function otherSubjects({ metadata, roleRef }: RoleBinding, others: readonly Subject[]): string {
  const [account] = others.filter(({ kind }) => kind === 'ServiceAccount');
  const again =
    account === undefined
      ? ''
      : ` If controllers run as it too, say so: --service-account ${account.namespace ?? ''}/${account.name} (once for each account).`;
  return (
    `RoleBinding ${metadata.namespace ?? ''}/${metadata.name} binds others to Role ${roleRef.name}, and so lets them at its Secrets: ` +
    `${others.map(subjectText).join(', ')}.${again} ` +
    `Else take them out: kubectl edit rolebinding ${metadata.name} -n ${metadata.namespace ?? ''}`
  );
}

function subjectText({ kind, namespace, name }: Subject): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}
