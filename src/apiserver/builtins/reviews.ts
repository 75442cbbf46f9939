import { toTime, type Clock } from '../../lib/clock.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import type { Attributes, Authorizer } from '../http/authorization.ts';
import type { User } from '../http/authentication.ts';
import { badRequest, invalid } from '../http/status.ts';
import type { FieldError } from '../schema/fieldErrors.ts';
import { metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import type { ReviewResource } from '../registry/resource.ts';
import { namesOf } from './definition.ts';
import { invalidValue } from './fieldChecks.ts';

/** A review before its schema is known. */
export type ReviewDefinition = Omit<ReviewResource, 'schema' | 'type'> & { component: string };

const GROUP = 'authorization.k8s.io';
const base = { verbs: ['create'], version: 'v1' };

/** Knows the users of tokens. */
interface TokenReviewer {
  review(token: string, audiences: readonly string[]): Promise<{ user: User; audiences: string[] } | undefined>;
}

/** What answers to reviews follow from. */
export interface Reviewers {
  authorizer: Authorizer;
  tokens: TokenReviewer;
  clock: Clock;
}

/** Questions about who one is and what one may do. */
export function reviewDefinitions({ authorizer, tokens, clock }: Reviewers): ReviewDefinition[] {
  const authorization = { ...base, group: GROUP };
  const component = 'io.k8s.api.authorization.v1.';
  return [
    {
      ...base,
      group: 'authentication.k8s.io',
      names: namesOf('SelfSubjectReview', 'selfsubjectreviews'),
      namespaced: false,
      component: 'io.k8s.api.authentication.v1.SelfSubjectReview',
      review: (object, user) => {
        // nothing of the question is in the answer
        object['metadata'] = { creationTimestamp: toTime(clock.now()) };
        object['status'] = { userInfo: userInfo(user) };
        return Promise.resolve();
      },
    },
    {
      ...base,
      group: 'authentication.k8s.io',
      names: namesOf('TokenReview', 'tokenreviews'),
      namespaced: false,
      component: 'io.k8s.api.authentication.v1.TokenReview',
      review: (object) => reviewToken(tokens, object),
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
      review: (object) => answer(authorizer, object, subjectOf(object, 'SubjectAccessReview')),
    },
    {
      ...authorization,
      names: namesOf('LocalSubjectAccessReview', 'localsubjectaccessreviews'),
      namespaced: true,
      component: `${component}LocalSubjectAccessReview`,
      review: (object, _user, namespace) => {
        checkNamespace(object, namespace);
        return answer(authorizer, object, subjectOf(object, 'LocalSubjectAccessReview'));
      },
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

async function reviewToken(tokens: TokenReviewer, object: JsonObject): Promise<void> {
  metaOf(object)['creationTimestamp'] = null;
  const spec = objectAt(object, 'spec') ?? {};
  const token = textAt(spec, 'token');
  if (token === '') throw badRequest('token is required for TokenReview in authentication');
  const found = await tokens.review(token, textsAt(spec, 'audiences'));
  object['status'] =
    found === undefined
      ? { user: {}, error: 'invalid bearer token' }
      : {
          authenticated: true,
          user: userInfo(found.user),
          ...(found.audiences.length === 0 ? {} : { audiences: found.audiences }),
        };
}

/** The user that is asked about. @throws ApiError 422 when nobody is named. */
function subjectOf(object: JsonObject, kind: string): User {
  const spec = objectAt(object, 'spec');
  const user = { name: textAt(spec, 'user'), groups: textsAt(spec, 'groups') };
  if (user.name !== '' || user.groups.length > 0) return user;
  const error = invalidValue('spec.user', '', 'at least one of user or group must be specified');
  throw invalid({ group: GROUP, kind, name: '' }, [error]);
}

/** @throws ApiError 400, 422 when the question is not about the namespace of the URL. */
function checkNamespace(object: JsonObject, namespace: string): void {
  const said = textAt(metaOf(object), 'namespace');
  if (said !== '' && said !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  metaOf(object)['namespace'] = namespace;
  const spec = objectAt(object, 'spec');
  const asked = textAt(objectAt(spec, 'resourceAttributes'), 'namespace');
  const other = spec?.['nonResourceAttributes'] ?? null;
  const errors: FieldError[] = [];
  if (other !== null) {
    errors.push(invalidValue('spec.nonResourceAttributes', other, 'disallowed on this kind of request'));
  } else if (asked !== namespace) {
    errors.push(invalidValue('spec.resourceAttributes.namespace', asked, 'must match metadata.namespace'));
  }
  if (errors.length > 0) throw invalid({ group: GROUP, kind: 'LocalSubjectAccessReview', name: '' }, errors);
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
    const detail =
      resource === undefined
        ? 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
        : 'cannot be specified in combination with nonResourceAttributes';
    throw invalid({ group: GROUP, kind: textAt(object, 'kind'), name: '' }, [
      invalidValue('spec.resourceAttributes', resource ?? null, detail),
    ]);
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
  if (namespace === '') throw badRequest('no namespace on request');
  const rules = await authorizer.rules(user, namespace);
  // nothing of the question is in the answer
  object['metadata'] = {};
  object['spec'] = {};
  object['status'] = {
    resourceRules: rules.resourceRules,
    nonResourceRules: rules.nonResourceRules,
    incomplete: rules.evaluationError !== undefined,
    ...(rules.evaluationError === undefined ? {} : { evaluationError: rules.evaluationError }),
  };
}
