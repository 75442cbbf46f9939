import { stringifyJson, type JsonObject } from '../codec/json.ts';
import { META } from '../builtins/schemas/meta.ts';
import { groupVersionPath } from '../discovery/documents.ts';
import { patchTypes } from '../registry/patch.ts';
import type { ServedResource, StoredResource } from '../registry/resource.ts';

const REF = '#/components/schemas/';

/** Group, version and kind, as documents mark what belongs to a kind. */
export function gvkOf(resource: ServedResource): JsonObject {
  return { group: resource.group, kind: resource.names.kind, version: resource.version };
}

/** The URL paths of `resource` with their operations. `component`: name of the kind's schema. */
export function pathsOf(resource: ServedResource, component: string): Record<string, JsonObject> {
  const root = `/${groupVersionPath(resource)}`;
  const { plural } = resource.names;
  const space = resource.namespaced ? '/namespaces/{namespace}' : '';
  const operations = new Operations(resource, component);
  if (resource.type === 'Review') return { [`${root}${space}/${plural}`]: operations.review() };
  const paths: Record<string, JsonObject> = {
    [`${root}${space}/${plural}`]: operations.collection(),
    [`${root}${space}/${plural}/{name}`]: operations.item(resource),
  };
  if (resource.namespaced) paths[`${root}/${plural}`] = operations.everywhere();
  if (resource.status) paths[`${root}${space}/${plural}/{name}/status`] = operations.subresource(resource, 'status');
  if (resource.scale !== undefined) {
    paths[`${root}${space}/${plural}/{name}/scale`] = operations.subresource(resource, 'scale');
  }
  return paths;
}

const query = (name: string, description: string, type = 'string'): JsonObject => ({
  name,
  in: 'query',
  description,
  schema: { type, uniqueItems: true },
});

const WRITE_PARAMETERS: JsonObject[] = [
  query('dryRun', 'All: everything but storing is done.'),
  query('fieldManager', 'Name of who makes the change.'),
  query('fieldValidation', 'What to do with unknown and duplicate fields: Ignore, Warn (default) or Strict.'),
];
const PATCH_PARAMETERS: JsonObject[] = [
  ...WRITE_PARAMETERS,
  query('force', 'Server-side apply takes fields that belong to other managers.', 'boolean'),
];
const LIST_PARAMETERS: JsonObject[] = [
  query('allowWatchBookmarks', 'The watch may contain BOOKMARK events.', 'boolean'),
  query('continue', 'Token of the next page.'),
  query('fieldSelector', 'Limits the objects by fields.'),
  query('labelSelector', 'Limits the objects by labels.'),
  query('limit', 'Most objects on one page.', 'integer'),
  query('resourceVersion', 'The version to read at.'),
  query('resourceVersionMatch', 'How resourceVersion is meant.'),
  query('sendInitialEvents', 'The watch begins with what is there.', 'boolean'),
  query('timeoutSeconds', 'Length of the watch.', 'integer'),
  query('watch', 'Stream changes instead of a list.', 'boolean'),
];
const DELETE_PARAMETERS: JsonObject[] = [
  query('dryRun', 'All: everything but deleting is done.'),
  query('gracePeriodSeconds', 'Seconds the object has to end in good order.', 'integer'),
  query('orphanDependents', 'Deprecated; use propagationPolicy.', 'boolean'),
  query('propagationPolicy', 'What happens to dependents: Orphan, Background or Foreground.'),
];

class Operations {
  readonly #resource: ServedResource;
  readonly #component: string;

  constructor(resource: ServedResource, component: string) {
    this.#resource = resource;
    this.#component = component;
  }

  review(): JsonObject {
    return { post: this.#write('create', 'post'), parameters: this.#place(false) };
  }

  collection(): JsonObject {
    return {
      get: this.#read('list', `${this.#component}List`, LIST_PARAMETERS),
      post: this.#write('create', 'post'),
      delete: this.#read('deletecollection', META.Status, [...LIST_PARAMETERS, ...DELETE_PARAMETERS]),
      parameters: this.#place(false),
    };
  }

  everywhere(): JsonObject {
    return { get: this.#read('list', `${this.#component}List`, LIST_PARAMETERS), parameters: [PRETTY] };
  }

  item(resource: StoredResource): JsonObject {
    return {
      get: this.#read('get', this.#component, []),
      put: this.#write('replace', 'put'),
      patch: this.#patch(resource),
      delete: this.#read('delete', META.Status, DELETE_PARAMETERS),
      parameters: this.#place(true),
    };
  }

  subresource(resource: StoredResource, name: 'status' | 'scale'): JsonObject {
    const scale = name === 'scale';
    const kind = scale ? { group: 'autoscaling', kind: 'Scale', version: 'v1' } : gvkOf(resource);
    const fix = (action: string, operation: JsonObject): JsonObject => ({
      ...operation,
      operationId: `${action}${this.#resource.names.kind}${scale ? 'Scale' : 'Status'}`,
      'x-kubernetes-group-version-kind': kind,
    });
    return {
      get: fix('get', this.#read('get', this.#component, [])),
      put: fix('replace', this.#write('replace', 'put')),
      patch: fix('patch', this.#patch(resource)),
      parameters: this.#place(true),
    };
  }

  #place(withName: boolean): JsonObject[] {
    const path = (name: string, description: string): JsonObject => ({
      name,
      in: 'path',
      required: true,
      description,
      schema: { type: 'string', uniqueItems: true },
    });
    return [
      ...(withName ? [path('name', `name of the ${this.#resource.names.kind}`)] : []),
      ...(this.#resource.namespaced ? [path('namespace', 'namespace of the object')] : []),
      PRETTY,
    ];
  }

  #operation(action: string, parameters: JsonObject[], responds: string): JsonObject {
    const { kind } = this.#resource.names;
    const response = { description: 'OK', content: { 'application/json': { schema: { $ref: `${REF}${responds}` } } } };
    return {
      description: `${action} ${this.#resource.names.plural}`,
      operationId: `${action}${this.#resource.namespaced ? 'Namespaced' : ''}${kind}`,
      ...(parameters.length > 0 ? { parameters } : {}),
      responses: { '200': response, '401': { description: 'Unauthorized' } },
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': gvkOf(this.#resource),
    };
  }

  #read(action: string, responds: string, parameters: JsonObject[]): JsonObject {
    return this.#operation(action, parameters, responds);
  }

  #write(action: string, xAction: string): JsonObject {
    const schema = { $ref: `${REF}${this.#component}` };
    return {
      ...this.#operation(action, WRITE_PARAMETERS, this.#component),
      'x-kubernetes-action': xAction,
      requestBody: { required: true, content: { '*/*': { schema } } },
    };
  }

  #patch(resource: StoredResource): JsonObject {
    const schema = { type: 'object', description: 'A patch.' };
    const content = Object.fromEntries(patchTypes(resource).map((type) => [type, { schema }]));
    return { ...this.#operation('patch', PATCH_PARAMETERS, this.#component), requestBody: { required: true, content } };
  }
}

const PRETTY = query('pretty', 'true: the answer is laid out for a person; long lists stay as they are.');

/** JSON text of one OpenAPI v3 document. */
export function documentText(paths: JsonObject, schemas: JsonObject): string {
  return stringifyJson({
    openapi: '3.0.0',
    info: { title: 'Hostler', version: 'unversioned' },
    paths,
    components: { schemas },
  });
}
