import type { JsonObject } from '../../codec/json.ts';
import { ATOMIC, byKey, keyed, flag, int32, int64, list, mapOf, object, ref, text, time } from './build.ts';
import { kindSchema } from './meta.ts';

const PREFIX = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.';
const schema = (description: string): JsonObject => ref(`${PREFIX}JSONSchemaProps`, description);
const anything = (description: string): JsonObject => ({
  description,
  'x-kubernetes-preserve-unknown-fields': true,
});
const strings = (description: string): JsonObject => list(description, { type: 'string' }, ATOMIC);
const schemas = (description: string): JsonObject => list(description, schema('A schema.'), ATOMIC);
const number = (description: string): JsonObject => ({ type: 'number', format: 'double', description });

const rule = object(
  'A rule in CEL that a value must meet.',
  {
    rule: text('The expression; `self` is the value, `oldSelf` the one before an update.'),
    message: text('What is said when the rule is broken.'),
    messageExpression: text('A CEL expression that makes the message.'),
    reason: text('FieldValueInvalid, FieldValueForbidden, FieldValueRequired or FieldValueDuplicate.'),
    fieldPath: text('Path of the field that is to blame, relative to the value.'),
    optionalOldSelf: flag('The rule also holds on create; oldSelf is then an optional.'),
  },
  { required: ['rule'] },
);

const jsonSchemaProps = object('A JSON schema (OpenAPI v3, structural).', {
  $ref: text('Not allowed.'),
  $schema: text('Not allowed.'),
  additionalItems: anything('Not allowed.'),
  additionalProperties: anything('Schema of the values whose keys are not in properties, or true.'),
  allOf: schemas('All must hold.'),
  anyOf: schemas('One at least must hold.'),
  default: anything('Value for a field that is not given.'),
  definitions: anything('Not allowed.'),
  dependencies: anything('Not allowed.'),
  description: text('What the value means.'),
  enum: list('Allowed values.', anything('A value.'), ATOMIC),
  example: anything('An example.'),
  exclusiveMaximum: flag('maximum itself is not allowed.'),
  exclusiveMinimum: flag('minimum itself is not allowed.'),
  externalDocs: object('Where to read more.', { description: text('What is there.'), url: text('Where.') }),
  format: text('Format of the value, such as date-time.'),
  id: text('Not allowed.'),
  items: anything('Schema of the items.'),
  maxItems: int64('Most items.'),
  maxLength: int64('Most characters.'),
  maxProperties: int64('Most members.'),
  maximum: number('Largest value.'),
  minItems: int64('Fewest items.'),
  minLength: int64('Fewest characters.'),
  minProperties: int64('Fewest members.'),
  minimum: number('Smallest value.'),
  multipleOf: number('The value is a multiple of this.'),
  not: schema('Must not hold.'),
  nullable: flag('null is allowed.'),
  oneOf: schemas('Exactly one must hold.'),
  pattern: text('Regular expression (RE2) that the value matches.'),
  patternProperties: anything('Not allowed.'),
  properties: mapOf('Schemas of the members.', schema('A schema.')),
  required: strings('Members that must be there.'),
  title: text('Title.'),
  type: text('object, array, string, integer, number or boolean.'),
  uniqueItems: flag('Not allowed; use x-kubernetes-list-type set.'),
  'x-kubernetes-embedded-resource': flag('The value is a whole object with apiVersion, kind and metadata.'),
  'x-kubernetes-int-or-string': flag('A whole number or a string.'),
  'x-kubernetes-list-map-keys': strings('Members that tell the items of a map list apart.'),
  'x-kubernetes-list-type': text('atomic, set or map.'),
  'x-kubernetes-map-type': text('granular or atomic.'),
  'x-kubernetes-preserve-unknown-fields': flag('Unknown members are kept.'),
  'x-kubernetes-validations': list('Rules in CEL.', rule, byKey('rule')),
});

const names = object(
  'What the resource is called.',
  {
    plural: text('Name in URLs, lower case.'),
    singular: text('Default: kind in lower case.'),
    shortNames: strings('Short names for kubectl.'),
    kind: text('CamelCase, singular.'),
    listKind: text('Default: kind and List.'),
    categories: strings('Groups of resources for kubectl, such as all.'),
  },
  { required: ['plural', 'kind'] },
);

const column = object(
  'A column of kubectl get.',
  {
    name: text('Heading.'),
    type: text('integer, number, boolean, string or date.'),
    format: text('Format of the value.'),
    description: text('What it shows.'),
    priority: int32('0 = always shown, above = with -o wide.'),
    jsonPath: text('Where the value comes from.'),
  },
  { required: ['name', 'type', 'jsonPath'] },
);

const version = object(
  'One version of the resource.',
  {
    name: text('Such as v1 or v1beta1.'),
    served: flag('Whether this version is served.'),
    storage: flag('Objects are stored in this version; exactly one has true.'),
    deprecated: flag('Clients are warned when they use this version.'),
    deprecationWarning: text('What they are told.'),
    schema: object('What objects look like.', { openAPIV3Schema: schema('The schema.') }),
    subresources: object('Parts with a URL of their own.', {
      status: { ...object('Status has a URL of its own.', {}), 'x-kubernetes-preserve-unknown-fields': true },
      scale: object(
        'Number of replicas for autoscalers.',
        {
          specReplicasPath: text('Path of the desired number.'),
          statusReplicasPath: text('Path of the actual number.'),
          labelSelectorPath: text('Path of the selector in status.'),
        },
        { required: ['specReplicasPath', 'statusReplicasPath'] },
      ),
    }),
    additionalPrinterColumns: list('Columns of kubectl get.', column, ATOMIC),
    selectableFields: list(
      'Fields for field selectors.',
      object('A field.', { jsonPath: text('Path of the field.') }, { required: ['jsonPath'] }),
      ATOMIC,
    ),
  },
  { required: ['name', 'served', 'storage'] },
);

const condition = object(
  'One aspect of the state of a definition.',
  {
    type: text('NamesAccepted, Established, Terminating, NonStructuralSchema, KubernetesAPIApprovalPolicyConformant.'),
    status: text('True, False or Unknown.'),
    lastTransitionTime: time('When status last changed.'),
    reason: text('Why, one CamelCase word.'),
    message: text('Why, for people.'),
    observedGeneration: int64('The generation that the condition was set for.'),
  },
  { required: ['type', 'status'] },
);

const definition = kindSchema(
  'Adds a resource to this API.',
  {
    spec: object(
      'The resource.',
      {
        group: text('API group.'),
        names: { ...names, description: 'What the resource is called.' },
        scope: text('Namespaced or Cluster.'),
        versions: list('Versions.', version, ATOMIC),
        conversion: object(
          'How objects get from one version to another.',
          {
            strategy: text('None: only apiVersion changes. Webhook is not supported by this server.'),
            webhook: { ...object('Not supported.', {}), 'x-kubernetes-preserve-unknown-fields': true },
          },
          { required: ['strategy'] },
        ),
        preserveUnknownFields: flag('Deprecated; must be false.'),
      },
      { required: ['group', 'names', 'scope', 'versions'] },
    ),
    status: object('How the resource is served.', {
      conditions: list('What holds.', condition, keyed('type')),
      acceptedNames: { ...names, description: 'The names in use.' },
      storedVersions: strings('Versions that objects were ever stored in.'),
      observedGeneration: int64('The generation that the status was set for.'),
    }),
  },
  { required: ['spec'] },
);

/** Components of apiextensions.k8s.io/v1. */
export const apiextensionsComponents: Readonly<Record<string, JsonObject>> = {
  [`${PREFIX}CustomResourceDefinition`]: definition,
  [`${PREFIX}JSONSchemaProps`]: jsonSchemaProps,
};
