import { GROUP, VERSION } from './meta.ts';
import { MAX_JUMP_HOSTS } from './serverSpec.ts';

const ADMISSION = 'admissionregistration.k8s.io';

interface Validation {
  expression: string;
  message?: string;
  messageExpression?: string;
  reason: 'Forbidden';
}

interface PolicySpec {
  name: string;
  resources: string[];
  operations: string[];
  /** When the policy has something to say. */
  when?: { name: string; expression: string };
  variables?: { name: string; expression: string }[];
  validations: Validation[];
}

/** Two objects: a ValidatingAdmissionPolicy and the binding that puts it in force everywhere. */
export interface PolicyManifests {
  name: string;
  objects: Record<string, unknown>[];
}

/** The old value at `path` below spec differs from the new one; both may be missing. */
function changed(path: string): string {
  const of = (object: string): string => `${object}.spec${path.replaceAll('.', '.?')}.orValue(null)`;
  return `${of('object')} != ${of('oldObject')}`;
}

/** On creation every field that is there counts as changed. */
function givenOrChanged(path: string): string {
  const present = `object.spec${path.replaceAll('.', '.?')}.hasValue()`;
  return `(oldObject == null ? ${present} : ${changed(path)})`;
}

function owners(object: string): string {
  return `${object}.metadata.?ownerReferences.orValue([])`;
}

/** Where the requester stands towards the Server of the request. */
const SERVERS = `authorizer.group('${GROUP}').resource('servers').namespace(request.namespace)`;

const SECRET_PATHS = [
  '.ssh.auth.privateKeySecretRef',
  '.ssh.auth.passwordSecretRef',
  '.ssh.auth.bootstrap.passwordSecretRef',
  '.ssh.privilege.passwordSecretRef',
  '.docker.source.mirror.keySecretRef',
];

/** Who goes through another Server uses its login without seeing the Secret: one question per hop, as for Secrets. */
function mayGoThrough(index: number): Validation {
  const hops = 'object.spec.ssh.?jumpHosts.orValue([])';
  const name = `${hops}[${index}].serverRef.name`;
  const server = `${SERVERS}.name(${name}).subresource('portforward')`;
  return {
    expression: `size(${hops}) <= ${index} || ${server}.check('create').allowed()`,
    messageExpression: `'spec.ssh.jumpHosts[${index}]: to go through the Server ' + ${name} + ' takes the verb create on servers/portforward'`,
    reason: 'Forbidden',
  };
}

/** Who sends a credential somewhere must be allowed to read it: one question per Secret, as two fit into an expression. */
function readable(path: string): Validation {
  const name = `object.spec${path.replaceAll('.', '.?')}.?name`;
  const secret = `authorizer.group('').resource('secrets').namespace(request.namespace).name(${name}.value())`;
  return {
    expression: `!${name}.hasValue() || ${secret}.check('get').allowed()`,
    messageExpression: `'you may not get the Secret ' + ${name}.orValue('') + ', which spec${path} names: who decides where a credential is sent must be allowed to read it'`,
    reason: 'Forbidden',
  };
}

/** Fields by which one becomes root on the host: scripts, packages, images and the engine's own configuration. */
const ROOT_PATHS = [
  '.hooks',
  '.docker.users',
  '.docker.daemonConfig',
  '.docker.source',
  '.proxy.image',
  '.ssh.privilege',
];
/** With an image of one's own, so is every word about the proxy: its tag, and the socket that its type is given. */
const OWN_IMAGE = `oldObject != null && has(object.spec.proxy) && has(object.spec.proxy.image) && ${changed('.proxy')}`;

const POLICIES: readonly PolicySpec[] = [
  {
    name: 'hostler-server-spec',
    resources: ['servers'],
    operations: ['UPDATE'],
    when: { name: 'changes-the-spec', expression: 'object.spec != oldObject.spec' },
    validations: [
      {
        expression: `${SERVERS}.name(request.name).check('update').allowed()`,
        message: 'to change a spec takes the verb update on servers; patch alone is for metadata',
        reason: 'Forbidden',
      },
    ],
  },
  {
    name: 'hostler-server-credentials',
    resources: ['servers'],
    operations: ['CREATE', 'UPDATE'],
    when: {
      name: 'decides-where-credentials-go',
      expression: `oldObject == null || ${['.addresses', '.ssh', '.docker.source'].map(changed).join(' || ')}`,
    },
    validations: [
      ...SECRET_PATHS.map(readable),
      ...Array.from({ length: MAX_JUMP_HOSTS }, (_, index) => mayGoThrough(index)),
    ],
  },
  {
    name: 'hostler-server-root',
    resources: ['servers'],
    operations: ['CREATE', 'UPDATE'],
    when: {
      name: 'changes-what-runs-as-root',
      expression: [...ROOT_PATHS.map(givenOrChanged), OWN_IMAGE].join(' || '),
    },
    validations: [
      {
        expression: `${SERVERS}.name(request.name).subresource('commands').check('create').allowed()`,
        message: `${ROOT_PATHS.map((path) => `spec${path}`).join(', ')} and spec.proxy with an image of one's own are as good as root on the host: to set or change them takes the verb create on servers/commands`,
        reason: 'Forbidden',
      },
    ],
  },
  {
    name: 'hostler-server-disruption',
    resources: ['servers'],
    operations: ['CREATE', 'UPDATE'],
    when: { name: 'changes-what-needs-approval', expression: givenOrChanged('.disruption') },
    validations: [
      {
        expression: `${SERVERS}.name(request.name).subresource('approve').check('create').allowed()`,
        message:
          'what spec.disruption lets happen needs no approval any more: to set or change it takes the verb create on servers/approve',
        reason: 'Forbidden',
      },
    ],
  },
  {
    name: 'hostler-owners',
    resources: ['servers', 'knownhosts', 'serveroperations', 'artifactbundles'],
    operations: ['UPDATE'],
    when: {
      name: 'changes-the-owners',
      expression: `${owners('object')} != ${owners('oldObject')}`,
    },
    validations: [
      {
        expression: `authorizer.group('${GROUP}').resource(request.resource.resource).namespace(request.namespace).name(request.name).check('delete').allowed()`,
        message:
          'an object goes when its owners are gone: to change metadata.ownerReferences takes the verb delete on the object',
        reason: 'Forbidden',
      },
    ],
  },
  {
    name: 'hostler-known-hosts',
    resources: ['knownhosts'],
    operations: ['CREATE', 'UPDATE'],
    when: { name: 'changes-what-is-trusted', expression: 'oldObject == null || object.spec != oldObject.spec' },
    validations: [
      {
        expression: `${SERVERS}.subresource('approvehostkey').check('create').allowed()`,
        message:
          'credentials are offered to the machine whose keys are trusted: to set or change a KnownHost takes the verb create on servers/approvehostkey',
        reason: 'Forbidden',
      },
    ],
  },
  {
    name: 'hostler-bundle-packages',
    resources: ['artifactbundles'],
    operations: ['CREATE', 'UPDATE'],
    when: { name: 'changes-the-packages', expression: 'oldObject == null || object.spec != oldObject.spec' },
    validations: [
      {
        expression: `${SERVERS}.subresource('commands').check('create').allowed()`,
        message:
          'the packages of a bundle are installed as root on each host whose Server refers to it: to set or change them takes the verb create on servers/commands',
        reason: 'Forbidden',
      },
    ],
  },
  {
    name: 'hostler-operation-types',
    resources: ['serveroperations'],
    operations: ['CREATE'],
    variables: [{ name: 'permission', expression: 'string(object.spec.type).lowerAscii()' }],
    validations: [
      {
        expression: `${SERVERS}.name(object.spec.serverRef.name).subresource(variables.permission).check('create').allowed()`,
        messageExpression: `'an operation of type ' + object.spec.type + ' takes the verb create on servers/' + variables.permission`,
        reason: 'Forbidden',
      },
    ],
  },
];

/** What RBAC alone cannot say, for both homes. */
export function admissionPolicies(): PolicyManifests[] {
  return POLICIES.map((policy) => ({ name: policy.name, objects: [toPolicy(policy), toBinding(policy.name)] }));
}

function toPolicy({ name, resources, operations, when, variables, validations }: PolicySpec): Record<string, unknown> {
  const rule = { apiGroups: [GROUP], apiVersions: [VERSION], operations, resources };
  return {
    apiVersion: `${ADMISSION}/v1`,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: [rule] },
      ...(when === undefined ? {} : { matchConditions: [when] }),
      ...(variables === undefined ? {} : { variables }),
      validations,
    },
  };
}

function toBinding(name: string): Record<string, unknown> {
  return {
    apiVersion: `${ADMISSION}/v1`,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: { policyName: name, validationActions: ['Deny'] },
  };
}
