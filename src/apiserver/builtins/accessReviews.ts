import { equalJson, omit, type JsonObject, type JsonValue } from '../codec/json.ts';
import type { User } from '../http/authentication.ts';
import type { Attributes, Authorizer } from '../http/authorization.ts';
import { badRequest, invalid } from '../http/status.ts';
import { metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import type { FieldError } from '../schema/fieldErrors.ts';
import { invalidValue } from './fieldChecks.ts';
import { reviewSelectorErrors, selectorProblems } from './reviewSelectors.ts';

const GROUP = 'authorization.k8s.io';

/** What a review is about beside its spec. */
interface About {
  /** Whose rights they are; undefined = of the user whom the spec names. */
  asked?: User;
  /** The only namespace that may be asked about. */
  namespace?: string;
}

/** Answers whether somebody may do something, in the review itself. @throws ApiError 400, 422. */
export async function reviewAccess(authorizer: Authorizer, object: JsonObject, about: About): Promise<void> {
  if (about.namespace !== undefined) setNamespace(object, about.namespace);
  const spec = objectAt(object, 'spec') ?? {};
  const errors = [...specErrors(spec, about), ...metadataErrors(object, about)];
  // as Kubernetes, which has forgotten the kind by then
  if (errors.length > 0) throw invalid({ group: GROUP, kind: '', name: '' }, errors);
  metaOf(object)['creationTimestamp'] = null;
  const user = about.asked ?? { name: textAt(spec, 'user'), groups: textsAt(spec, 'groups') };
  const decision = await authorizer.authorize({ ...attributesOf(spec), user });
  const status: Record<string, JsonValue> = { allowed: decision.allowed };
  if (decision.reason !== '') status['reason'] = decision.reason;
  const problems = selectorProblems(objectAt(spec, 'resourceAttributes'));
  if (problems !== '') status['evaluationError'] = problems;
  object['status'] = status;
}

/** @throws ApiError 400 for a review that names another namespace. */
function setNamespace(object: JsonObject, namespace: string): void {
  const said = textAt(metaOf(object), 'namespace');
  if (said !== '' && said !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  metaOf(object)['namespace'] = namespace;
}

function specErrors(spec: JsonObject, { asked, namespace }: About): FieldError[] {
  const resource = objectAt(spec, 'resourceAttributes');
  const other = objectAt(spec, 'nonResourceAttributes');
  const errors: FieldError[] = [];
  const refuse = (field: string, value: JsonValue, detail: string): void => {
    errors.push(invalidValue(`spec.${field}`, value, detail));
  };
  if (resource !== undefined && other !== undefined) {
    refuse('nonResourceAttributes', other, 'cannot be specified in combination with resourceAttributes');
  }
  if (resource === undefined && other === undefined) {
    const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    refuse('resourceAttributes', null, detail);
  }
  if (asked === undefined && textAt(spec, 'user') === '' && textsAt(spec, 'groups').length === 0) {
    refuse('user', '', 'at least one of user or group must be specified');
  }
  errors.push(...reviewSelectorErrors(resource));
  if (namespace !== undefined) errors.push(...elsewhereErrors(namespace, resource, other));
  return errors;
}

function elsewhereErrors(
  namespace: string,
  resource: JsonObject | undefined,
  other: JsonObject | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const asked = textAt(resource, 'namespace');
  if (resource !== undefined && asked !== namespace) {
    errors.push(invalidValue('spec.resourceAttributes.namespace', asked, 'must match metadata.namespace'));
  }
  if (other !== undefined) {
    errors.push(invalidValue('spec.nonResourceAttributes', other, 'disallowed on this kind of request'));
  }
  return errors;
}

function metadataErrors(object: JsonObject, { namespace }: About): FieldError[] {
  const said = omit(metaOf(object), 'managedFields', 'namespace', 'creationTimestamp');
  if (equalJson(said, {})) return [];
  const detail = namespace === undefined ? 'must be empty' : 'must be empty except for namespace';
  return [invalidValue('metadata', metaOf(object), detail)];
}

function attributesOf(spec: JsonObject): Omit<Attributes, 'user'> {
  const resource = objectAt(spec, 'resourceAttributes');
  const other = objectAt(spec, 'nonResourceAttributes');
  return {
    isResource: resource !== undefined,
    path: textAt(other, 'path'),
    verb: textAt(resource ?? other, 'verb'),
    group: textAt(resource, 'group'),
    version: textAt(resource, 'version'),
    namespace: textAt(resource, 'namespace'),
    resource: textAt(resource, 'resource'),
    subresource: textAt(resource, 'subresource'),
    name: textAt(resource, 'name'),
  };
}
