import type { JsonObject, JsonValue } from '../../codec/json.ts';
import { listAt, metaOf, objectAt, textAt, textsAt } from '../../registry/object.ts';
import type { AdmissionRequest } from '../../registry/call.ts';
import { compileSelector } from '../../selectors/selectorObject.ts';

type Labels = Readonly<Record<string, unknown>> | undefined;

/** Whether a request is one of those that matchConstraints or matchResources mean. */
export interface Matcher {
  /** @param namespaceLabels  Of the namespace that the request is in; asked only when it counts. */
  matches(request: AdmissionRequest, namespaceLabels: () => Labels): boolean;
}

/** Compiles a MatchResources; undefined means every request. @throws SelectorError */
export function compileMatch(match: JsonObject | undefined): Matcher {
  const rules = listAt(match, 'resourceRules');
  const excluded = listAt(match, 'excludeResourceRules');
  const namespaces = compileSelector(objectAt(match, 'namespaceSelector'));
  const objects = compileSelector(objectAt(match, 'objectSelector'));
  const exact = textAt(match, 'matchPolicy') === 'Exact';
  return {
    matches(request, namespaceLabels) {
      if (excluded.some((rule) => ruleMatches(rule, request, exact))) return false;
      // a binding without rules means what its policy means
      if (rules.length > 0 && !rules.some((rule) => ruleMatches(rule, request, exact))) return false;
      if (objects.requirements.length > 0 && !labelsOf(request).some((labels) => objects.matches(labels))) return false;
      if (namespaces.requirements.length === 0 || isWithoutNamespace(request)) return true;
      return namespaces.matches(namespaceLabels());
    },
  };
}

/** Cluster-wide objects are in no namespace; a Namespace is in itself. */
function isWithoutNamespace({ call: { resource } }: AdmissionRequest): boolean {
  return !resource.namespaced && !(resource.group === '' && resource.names.plural === 'namespaces');
}

function labelsOf({ object, old }: AdmissionRequest): Labels[] {
  return [object, old].filter((one) => one !== undefined).map((one) => objectAt(metaOf(one), 'labels') ?? {});
}

function ruleMatches(rule: JsonValue, { operation, call }: AdmissionRequest, exact: boolean): boolean {
  const { resource, subresource } = call;
  const scope = textAt(rule, 'scope');
  const names = textsAt(rule, 'resourceNames');
  return (
    hasOrAll(textsAt(rule, 'operations'), operation) &&
    hasOrAll(textsAt(rule, 'apiGroups'), resource.group) &&
    // versions of one resource are the same objects
    (!exact || hasOrAll(textsAt(rule, 'apiVersions'), resource.version)) &&
    (scope === '' || scope === '*' || (scope === 'Namespaced') === resource.namespaced) &&
    textsAt(rule, 'resources').some((text) => resourceMatches(text, resource.names.plural, subresource)) &&
    (names.length === 0 || names.includes(call.name))
  );
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
