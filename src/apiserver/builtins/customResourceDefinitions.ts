import { isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import { defaultCustomResourceDefinition, validateCustomResourceDefinition } from '../schema/crd.ts';
import { formatCheck } from '../schema/formats.ts';
import { goQuote } from '../schema/goText.ts';
import { versionsOf, versionsWithoutWebhook } from '../crd/versions.ts';
import { listAt, metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import type { Strategy } from '../registry/resource.ts';
import { setCondition } from './conditions.ts';
import { namesOf, type BuiltinDefinition } from './definition.ts';
import { dropUnknownSchemaMembers } from './schemaMembers.ts';

/** Holds a definition until its objects are gone. */
export const CRD_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

const strategy: Strategy = {
  nameRule: 'DNS1123Subdomain',
  allowUnconditionalUpdate: false,
  tracksGeneration: true,
  prepareForCreate(object) {
    defaultCustomResourceDefinition(object);
    object['status'] = {
      conditions: [],
      acceptedNames: { plural: '', kind: '' },
      storedVersions: versionsOf(object, 'storage'),
    };
  },
  prepareForUpdate(object) {
    defaultCustomResourceDefinition(object);
    const status = objectAt(object, 'status') ?? {};
    object['status'] = {
      ...status,
      storedVersions: [...new Set([...textsAt(status, 'storedVersions'), ...versionsOf(object, 'storage')])],
    };
  },
  validate: validateCustomResourceDefinition,
  warnings: (object, old) => {
    const known = old === undefined ? new Set<string>() : unknownFormats(old);
    const formats = [...unknownFormats(object)].filter((format) => !known.has(format));
    return [...formats.map((format) => `unrecognized format ${goQuote(format)}`), ...unconvertible(object)];
  },
  prepareForDelete(object) {
    const meta = metaOf(object);
    const finalizers = textsAt(meta, 'finalizers');
    if (!finalizers.includes(CRD_FINALIZER)) meta['finalizers'] = [...finalizers, CRD_FINALIZER];
    setCondition(object, {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionPending',
      message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    });
  },
};

/** Formats of strings in the schemas that are not checked; whoever wrote them may believe that they are. */
function unknownFormats(object: JsonObject): Set<string> {
  const found = new Set<string>();
  for (const version of listAt(objectAt(object, 'spec'), 'versions'))
    collectFormats(objectAt(version, 'schema'), found);
  return found;
}

/** What is data rather than schema. */
const VALUES = ['default', 'enum', 'example'];

function collectFormats(schema: JsonValue | undefined, found: Set<string>): void {
  if (Array.isArray(schema)) for (const item of schema) collectFormats(item, found);
  if (!isJsonObject(schema)) return;
  const format = textAt(schema, 'format');
  const isOfText = format !== '' && schema['type'] === 'string';
  if (isOfText && formatCheck(format) === undefined) found.add(format);
  for (const [key, member] of Object.entries(schema)) if (!VALUES.includes(key)) collectFormats(member, found);
}

/** As a warning, that not all versions will be there. */
function unconvertible(object: JsonObject): string[] {
  const served = versionsWithoutWebhook(object);
  if (served.length === versionsOf(object, 'served').length) return [];
  return [
    `spec.conversion.strategy: this server calls no webhooks, so that it serves ${served.length === 0 ? 'no version' : `only version ${goQuote(served.join())}`}`,
  ];
}

/** apiextensions.k8s.io/v1 CustomResourceDefinition. */
export const customResourceDefinitions: BuiltinDefinition = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  names: {
    ...namesOf('CustomResourceDefinition', 'customresourcedefinitions', ['crd', 'crds']),
    categories: ['api-extensions'],
  },
  namespaced: false,
  component: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  strategy,
  dropUnknown: dropUnknownSchemaMembers,
  status: true,
  resetFields: (subresource) => (subresource === '' ? ['f:status'] : ['f:metadata', 'f:spec']),
  columns: [
    {
      name: 'Created At',
      type: 'date',
      description: 'When the definition was created.',
      cell: (object) => textAt(metaOf(object), 'creationTimestamp'),
    },
  ],
};
