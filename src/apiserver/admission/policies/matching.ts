import type { JsonObject, JsonValue } from '../../codec/json.ts';
import { listAt, metaOf, objectAt, textAt, textsAt } from '../../registry/object.ts';
import type { AdmissionRequest, Call } from '../../registry/call.ts';
import type { StoredResource } from '../../registry/resource.ts';
import { compileSelector } from '../../selectors/selectorObject.ts';

type Labels = Readonly<Record<string, unknown>> | undefined;

/** Whether a request is one of those that matchConstraints or matchResources mean. */
export interface Matcher {
  /** @param namespaceLabels  Of the namespace that the request is in; asked only when it counts. */
  matches(request: AdmissionRequest, namespaceLabels: () => Labels): boolean;
}

/** Compiles a MatchResources; undefined means every request. @throws SelectorError */
export function compileMatch(match: JsonObject | undefined): Matcher {
  const exact = textAt(match, 'matchPolicy') === 'Exact';
  const rules = listAt(match, 'resourceRules').map((rule) => compileRule(rule, exact));
  const excluded = listAt(match, 'excludeResourceRules').map((rule) => compileRule(rule, exact));
  const namespaces = compileSelector(objectAt(match, 'namespaceSelector'));
  const objects = compileSelector(objectAt(match, 'objectSelector'));
  return {
    matches(request, namespaceLabels) {
      if (excluded.some((matches) => matches(request))) return false;
      // a binding without rules means what its policy means
      if (rules.length > 0 && !rules.some((matches) => matches(request))) return false;
      if (objects.requirements.length > 0 && !labelsOf(request).some((labels) => objects.matches(labels))) return false;
      if (namespaces.requirements.length === 0 || isWithoutNamespace(request)) return true;
      return namespaces.matches(namespaceLabels());
    },
  };
}

/** Cluster-wide objects are in no namespace; a Namespace is in itself. */
function isWithoutNamespace({ call: { resource } }: AdmissionRequest): boolean {
  return !resource.namespaced && !isNamespaces(resource);
}

/** The namespace of a request; a Namespace is in itself. */
export function namespaceOf({ resource, namespace, name }: Call): string {
  return isNamespaces(resource) ? name : namespace;
}

function isNamespaces({ group, names }: StoredResource): boolean {
  return group === '' && names.plural === 'namespaces';
}

function labelsOf({ object, old }: AdmissionRequest): Labels[] {
  return [object, old].filter((one) => one !== undefined).map((one) => objectAt(metaOf(one), 'labels') ?? {});
}

/** Read once: every write is held against every rule. */
function compileRule(rule: JsonValue, exact: boolean): (request: AdmissionRequest) => boolean {
  const scope = textAt(rule, 'scope');
  const [names, resources] = [textsAt(rule, 'resourceNames'), textsAt(rule, 'resources')];
  const [operations, groups] = [textsAt(rule, 'operations'), textsAt(rule, 'apiGroups')];
  const versions = textsAt(rule, 'apiVersions');
  return ({ operation, call: { resource, subresource, name } }) =>
    hasOrAll(groups, resource.group) &&
    hasOrAll(operations, operation) &&
    // versions of one resource are the same objects
    (!exact || hasOrAll(versions, resource.version)) &&
    (scope === '' || scope === '*' || (scope === 'Namespaced') === resource.namespaced) &&
    resources.some((text) => resourceMatches(text, resource.names.plural, subresource)) &&
    (names.length === 0 || names.includes(name));
}

function hasOrAll(values: readonly string[], value: string): boolean {
  return values.includes(value) || values.includes('*');
}

/** `pods`, `pods/status`, `pods/*`, `*`, `*`+`/status`, `*`+`/*`; `*` has no subresources. */
function resourceMatches(text: string, resource: string, subresource: string): boolean {
  const [wanted = '', sub = ''] = text.split('/', 2);
  if (wanted !== '*' && wanted !== resource) return false;
  return sub === subresource || sub === '*';
}
