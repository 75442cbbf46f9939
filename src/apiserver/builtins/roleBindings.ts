import { equalJson, isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import { listAt, objectAt, textAt } from '../registry/object.ts';
import type { Strategy } from '../registry/resource.ts';
import { notSupported, type FieldError } from '../schema/fieldErrors.ts';
import { checkDns1123Subdomain, checkPathSegment } from '../schema/names.ts';
import type { PrinterColumn } from '../table/table.ts';
import { AGE, namesOf, type BuiltinDefinition } from './definition.ts';
import { invalidValue, requiredValue } from './fieldChecks.ts';

const GROUP = 'rbac.authorization.k8s.io';

/** Users, groups and roles are of the RBAC group unless something else is said. */
function nameGroups(object: JsonObject): void {
  const roleRef = objectAt(object, 'roleRef');
  if (roleRef !== undefined && textAt(roleRef, 'apiGroup') === '') roleRef['apiGroup'] = GROUP;
  for (const subject of listAt(object, 'subjects')) {
    if (!isJsonObject(subject) || textAt(subject, 'apiGroup') !== '') continue;
    if (['User', 'Group'].includes(textAt(subject, 'kind'))) subject['apiGroup'] = GROUP;
    else Reflect.deleteProperty(subject, 'apiGroup');
  }
}

function strategyOf(namespaced: boolean): Strategy {
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  return {
    nameRule: 'PathSegment',
    allowUnconditionalUpdate: true,
    createOnUpdate: true,
    tracksGeneration: false,
    prepareForCreate: nameGroups,
    prepareForUpdate: nameGroups,
    validate: (object) => [
      ...roleErrors(object, kinds),
      ...listAt(object, 'subjects').flatMap((one, index) => subjectErrors(one, `subjects[${index}]`, namespaced)),
    ],
    validateUpdate: (object, old) => {
      const roleRef = objectAt(object, 'roleRef') ?? {};
      return equalJson(roleRef, objectAt(old, 'roleRef') ?? {})
        ? []
        : [invalidValue('roleRef', roleRef, 'cannot change roleRef')];
    },
  };
}

function roleErrors(object: JsonObject, kinds: readonly string[]): FieldError[] {
  const roleRef = objectAt(object, 'roleRef');
  const [apiGroup, kind, name] = [textAt(roleRef, 'apiGroup'), textAt(roleRef, 'kind'), textAt(roleRef, 'name')];
  return [
    ...(apiGroup === GROUP ? [] : [notSupported('roleRef.apiGroup', apiGroup, [GROUP])]),
    ...(kinds.includes(kind) ? [] : [notSupported('roleRef.kind', kind, kinds)]),
    ...(name === ''
      ? [requiredValue('roleRef.name')]
      : checkPathSegment(name).map((text) => invalidValue('roleRef.name', name, text))),
  ];
}

function subjectErrors(subject: JsonValue, field: string, namespaced: boolean): FieldError[] {
  const [kind, name, apiGroup] = [textAt(subject, 'kind'), textAt(subject, 'name'), textAt(subject, 'apiGroup')];
  const errors = name === '' ? [requiredValue(`${field}.name`)] : [];
  if (kind === 'User' || kind === 'Group') {
    return [...errors, ...(apiGroup === GROUP ? [] : [notSupported(`${field}.apiGroup`, apiGroup, [GROUP])])];
  }
  if (kind !== 'ServiceAccount') {
    return [...errors, notSupported(`${field}.kind`, kind, ['ServiceAccount', 'User', 'Group'])];
  }
  if (name !== '') errors.push(...checkDns1123Subdomain(name).map((text) => invalidValue(`${field}.name`, name, text)));
  if (apiGroup !== '') errors.push(notSupported(`${field}.apiGroup`, apiGroup, ['']));
  if (!namespaced && textAt(subject, 'namespace') === '') errors.push(requiredValue(`${field}.namespace`));
  return errors;
}

function namesCell(kind: string): PrinterColumn['cell'] {
  return (object) =>
    listAt(object, 'subjects')
      .filter((subject) => textAt(subject, 'kind') === kind)
      .map((subject) => {
        const namespace = kind === 'ServiceAccount' ? textAt(subject, 'namespace') : '';
        return namespace === '' ? textAt(subject, 'name') : `${namespace}/${textAt(subject, 'name')}`;
      })
      .join(', ');
}

function wide(name: string, description: string, kind: string): PrinterColumn {
  return { name, type: 'string', description, priority: 1, cell: namesCell(kind) ?? (() => '') };
}

const columns: readonly PrinterColumn[] = [
  {
    name: 'Role',
    type: 'string',
    description: 'The role that is given.',
    cell: (object) => {
      const roleRef = objectAt(object, 'roleRef');
      return `${textAt(roleRef, 'kind')}/${textAt(roleRef, 'name')}`;
    },
  },
  AGE,
  wide('Users', 'Users that have the role.', 'User'),
  wide('Groups', 'Groups that have the role.', 'Group'),
  wide('ServiceAccounts', 'ServiceAccounts that have the role.', 'ServiceAccount'),
];

const base = { group: GROUP, version: 'v1', columns };

/** rbac.authorization.k8s.io/v1 RoleBinding. */
export const roleBindings: BuiltinDefinition = {
  ...base,
  names: namesOf('RoleBinding', 'rolebindings'),
  namespaced: true,
  component: 'io.k8s.api.rbac.v1.RoleBinding',
  strategy: strategyOf(true),
};

/** rbac.authorization.k8s.io/v1 ClusterRoleBinding. */
export const clusterRoleBindings: BuiltinDefinition = {
  ...base,
  names: namesOf('ClusterRoleBinding', 'clusterrolebindings'),
  namespaced: false,
  component: 'io.k8s.api.rbac.v1.ClusterRoleBinding',
  strategy: strategyOf(false),
};
