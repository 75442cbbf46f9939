import type { CachedObject } from '../cache/cachedObject.ts';
import { badRequest } from '../http/status.ts';
import { parseFieldSelector, type FieldSelector } from '../selectors/fields.ts';
import { parseLabelSelector } from '../selectors/labels.ts';
import { SelectorError } from '../selectors/selectorError.ts';
import type { StoredResource } from './resource.ts';

/** Which objects a list, watch or deletecollection is about. */
export interface Selection {
  /** Start of the keys of all objects in question. */
  prefix: string;
  /** The one key in question, when the selector demands a name. */
  key: string | undefined;
  /** True when there is no selector at all. */
  everything: boolean;
  matches(object: CachedObject): boolean;
}

/** What {@link select} selects from. */
export interface SelectionRequest {
  namespace: string;
  /** From the path of the deprecated watch of one object; '' otherwise. */
  name: string;
  labelSelector: string;
  fieldSelector: string;
}

/** Parses the selectors. @throws ApiError 400 when they cannot be parsed or name a field that is not selectable. */
export function select(resource: StoredResource, request: SelectionRequest): Selection {
  try {
    return parse(resource, request);
  } catch (error) {
    if (error instanceof SelectorError) throw badRequest(error.message);
    throw error;
  }
}

function parse(resource: StoredResource, request: SelectionRequest): Selection {
  const labels = parseLabelSelector(request.labelSelector);
  const fields = parseFieldSelector(request.fieldSelector);
  for (const { field } of fields.requirements) checkField(resource, field);
  const everything = labels.requirements.length === 0 && fields.requirements.length === 0 && request.name === '';
  const matches = (object: CachedObject): boolean =>
    (request.name === '' || object.name === request.name) &&
    labels.matches(object.labels) &&
    matchesFields(resource, fields, object);
  return {
    prefix: resource.store.prefixOf(resource.namespaced ? request.namespace : ''),
    key: oneKey(resource, fields, request),
    everything,
    matches: everything ? () => true : matches,
  };
}

function oneKey(resource: StoredResource, fields: FieldSelector, request: SelectionRequest): string | undefined {
  const name = request.name || fields.requiresExactly('metadata.name');
  if (name === undefined || name === '') return undefined;
  if (!resource.namespaced) return resource.store.key('', name);
  const namespace = fields.requiresExactly('metadata.namespace') ?? request.namespace;
  return namespace === '' ? undefined : resource.store.key(namespace, name);
}

function checkField(resource: StoredResource, field: string): void {
  if (field === 'metadata.name' || field === 'metadata.namespace') return;
  if (resource.fieldLabels.has(field)) return;
  const isPlain = resource.strategicKind !== undefined && resource.fieldLabels.size === 0;
  throw badRequest(
    isPlain
      ? `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`
      : `field label not supported: ${field}`,
  );
}

function matchesFields(resource: StoredResource, selector: FieldSelector, object: CachedObject): boolean {
  if (selector.requirements.length === 0) return true;
  return selector.matches((field) => {
    if (field === 'metadata.name') return object.name;
    if (field === 'metadata.namespace') return object.namespace;
    return object.fields?.[resource.fieldLabels.get(field) ?? field] ?? '';
  });
}
