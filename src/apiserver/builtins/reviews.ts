import { toTime, type Clock } from '../../lib/clock.ts';
import type { JsonObject } from '../codec/json.ts';
import type { Authorizer } from '../http/authorization.ts';
import type { User } from '../http/authentication.ts';
import { badRequest } from '../http/status.ts';
import { metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import type { ReviewResource } from '../registry/resource.ts';
import { reviewAccess } from './accessReviews.ts';
import { namesOf } from './definition.ts';

/** A review before its schema is known. */
export type ReviewDefinition = Omit<ReviewResource, 'schema' | 'type' | 'fieldVersions'> & { component: string };

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
      review: (object, user) => reviewAccess(authorizer, object, { asked: user }),
    },
    {
      ...authorization,
      names: namesOf('SubjectAccessReview', 'subjectaccessreviews'),
      namespaced: false,
      component: `${component}SubjectAccessReview`,
      review: (object) => reviewAccess(authorizer, object, {}),
    },
    {
      ...authorization,
      names: namesOf('LocalSubjectAccessReview', 'localsubjectaccessreviews'),
      namespaced: true,
      component: `${component}LocalSubjectAccessReview`,
      review: (object, _user, namespace) => reviewAccess(authorizer, object, { namespace }),
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
