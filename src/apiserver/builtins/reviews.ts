import type { JsonObject, JsonValue } from '../codec/json.ts';
import type { Attributes, Authorizer } from '../http/authorization.ts';
import type { User } from '../http/authentication.ts';
import { badRequest } from '../http/status.ts';
import { metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import type { ReviewResource } from '../registry/resource.ts';
import { namesOf } from './definition.ts';

/** A review before its schema is known. */
export type ReviewDefinition = Omit<ReviewResource, 'schema' | 'type'> & { component: string };

const base = { verbs: ['create'], version: 'v1' };

/** Questions about who one is and what one may do, answered by `authorizer`. */
export function reviewDefinitions(authorizer: Authorizer): ReviewDefinition[] {
  const authorization = { ...base, group: 'authorization.k8s.io' };
  const component = 'io.k8s.api.authorization.v1.';
  return [
    {
      ...base,
      group: 'authentication.k8s.io',
      names: namesOf('SelfSubjectReview', 'selfsubjectreviews'),
      namespaced: false,
      component: 'io.k8s.api.authentication.v1.SelfSubjectReview',
      review: (object, user) => {
        object['status'] = { userInfo: userInfo(user) };
        return Promise.resolve();
      },
    },
    {
      ...authorization,
      names: namesOf('SelfSubjectAccessReview', 'selfsubjectaccessreviews'),
      namespaced: false,
      component: `${component}SelfSubjectAccessReview`,
      review: (object, user) => answer(authorizer, object, user),
    },
    {
      ...authorization,
      names: namesOf('SubjectAccessReview', 'subjectaccessreviews'),
      namespaced: false,
      component: `${component}SubjectAccessReview`,
      review: (object) => answer(authorizer, object, subjectOf(object)),
    },
    {
      ...authorization,
      names: namesOf('LocalSubjectAccessReview', 'localsubjectaccessreviews'),
      namespaced: true,
      component: `${component}LocalSubjectAccessReview`,
      review: (object) => answer(authorizer, object, subjectOf(object)),
    },
    {
      ...authorization,
      names: namesOf('SelfSubjectRulesReview', 'selfsubjectrulesreviews'),
      namespaced: false,
      component: `${component}SelfSubjectRulesReview`,
      review: (object, user) => listRules(authorizer, object, user),
    },
  ];
}

function userInfo(user: User): JsonObject {
  const info: JsonObject = { username: user.name, groups: [...user.groups] };
  if (user.uid !== undefined) info['uid'] = user.uid;
  if (user.extra !== undefined) {
    info['extra'] = Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]]));
  }
  return info;
}

function subjectOf(object: JsonObject): User {
  const spec = objectAt(object, 'spec');
  return { name: textAt(spec, 'user'), groups: textsAt(spec, 'groups') };
}

async function answer(authorizer: Authorizer, object: JsonObject, user: User): Promise<void> {
  metaOf(object)['creationTimestamp'] = null;
  const decision = await authorizer.authorize({ ...attributesOf(object), user });
  const status: Record<string, JsonValue> = { allowed: decision.allowed };
  if (decision.reason !== '') status['reason'] = decision.reason;
  object['status'] = status;
}

function attributesOf(object: JsonObject): Omit<Attributes, 'user'> {
  const spec = objectAt(object, 'spec');
  const resource = objectAt(spec, 'resourceAttributes');
  const other = objectAt(spec, 'nonResourceAttributes');
  if ((resource === undefined) === (other === undefined)) {
    throw badRequest('exactly one of spec.resourceAttributes and spec.nonResourceAttributes must be given');
  }
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

async function listRules(authorizer: Authorizer, object: JsonObject, user: User): Promise<void> {
  const namespace = textAt(objectAt(object, 'spec'), 'namespace');
  if (namespace === '') throw badRequest('spec.namespace must be given');
  const rules = await authorizer.rules(user, namespace);
  object['status'] = {
    resourceRules: rules.resourceRules,
    nonResourceRules: rules.nonResourceRules,
    incomplete: rules.evaluationError !== undefined,
    ...(rules.evaluationError === undefined ? {} : { evaluationError: rules.evaluationError }),
  };
}
