import type { JsonObject } from '../../codec/json.ts';
import { ATOMIC, flag, list, mapOf, object, text } from './build.ts';
import { kindSchema } from './meta.ts';

const strings = (description: string): JsonObject => list(description, { type: 'string' }, ATOMIC);

const selector = (description: string): JsonObject =>
  object(description, {
    rawSelector: text('The selector as it stands in a URL.'),
    requirements: list(
      'The selector in parts, all of which must hold.',
      object(
        'One part.',
        {
          key: text('What must be like that.'),
          operator: text('In, NotIn, Exists or DoesNotExist.'),
          values: strings('Values for In and NotIn.'),
        },
        { required: ['key', 'operator'] },
      ),
      ATOMIC,
    ),
  });

const resourceAttributes = object('What shall be done with which resource.', {
  namespace: text('Namespace; empty = all, or none for cluster-wide resources.'),
  verb: text('get, list, watch, create, update, patch, delete, deletecollection; `*` = all.'),
  group: text('API group; `*` = all.'),
  version: text('API version; `*` = all.'),
  resource: text('Resource; `*` = all.'),
  subresource: text('Subresource; empty = none.'),
  name: text('Name; empty = all.'),
  fieldSelector: selector('Limits a list by fields.'),
  labelSelector: selector('Limits a list by labels.'),
});

const nonResourceAttributes = object('What shall be done with which path.', {
  path: text('URL path.'),
  verb: text('HTTP verb, lower case.'),
});

const accessStatus = object(
  'The answer.',
  {
    allowed: flag('True: may be done.'),
    denied: flag('True: refused, whatever others say.'),
    reason: text('Why.'),
    evaluationError: text('What went wrong while deciding.'),
  },
  { required: ['allowed'] },
);

const subjectSpec = {
  resourceAttributes,
  nonResourceAttributes,
  user: text('Name of the user.'),
  groups: strings('Groups of the user.'),
  extra: mapOf('More about the user.', { type: 'array', items: { type: 'string' } }),
  uid: text('UID of the user.'),
};

const accessReview = (description: string, spec: Record<string, JsonObject>): JsonObject =>
  kindSchema(description, { spec: object('The question.', spec), status: accessStatus }, { required: ['spec'] });

const rulesReview = kindSchema('What may I do in this namespace?', {
  spec: object('The question.', { namespace: text('Namespace to look at.') }),
  status: object(
    'The answer.',
    {
      resourceRules: list(
        'What may be done with resources.',
        object('One rule.', {
          verbs: strings('Verbs.'),
          apiGroups: strings('API groups.'),
          resources: strings('Resources.'),
          resourceNames: strings('Names; none = all.'),
        }),
        ATOMIC,
      ),
      nonResourceRules: list(
        'What may be done with other paths.',
        object('One rule.', {
          verbs: strings('Verbs.'),
          nonResourceURLs: strings('Paths; a trailing `*` stands for anything.'),
        }),
        ATOMIC,
      ),
      incomplete: flag('True: there may be more.'),
      evaluationError: text('What went wrong.'),
    },
    { required: ['resourceRules', 'nonResourceRules', 'incomplete'] },
  ),
});

const selfSubjectReview = kindSchema('Who am I?', {
  status: object('The answer.', {
    userInfo: object('The user that sent the request.', {
      username: text('Name.'),
      uid: text('UID.'),
      groups: strings('Groups.'),
      extra: mapOf('More about the user.', { type: 'array', items: { type: 'string' } }),
    }),
  }),
});

const tokenReview = kindSchema(
  'Whose token is this?',
  {
    spec: object('The question.', { token: text('The token.'), audiences: strings('Whom it must be meant for.') }),
    status: object('The answer.', {
      authenticated: flag('True: the token is good.'),
      user: object('Whose it is.', {
        username: text('Name.'),
        uid: text('UID.'),
        groups: strings('Groups.'),
        extra: mapOf('More about the user.', { type: 'array', items: { type: 'string' } }),
      }),
      audiences: strings('Audiences that it is good for.'),
      error: text('Why it is not good.'),
    }),
  },
  { required: ['spec'] },
);

/** Components of authorization.k8s.io/v1. */
export const authorizationComponents: Readonly<Record<string, JsonObject>> = {
  'io.k8s.api.authorization.v1.SelfSubjectAccessReview': accessReview('May I do this?', {
    resourceAttributes,
    nonResourceAttributes,
  }),
  'io.k8s.api.authorization.v1.SubjectAccessReview': accessReview('May this user do this?', subjectSpec),
  'io.k8s.api.authorization.v1.LocalSubjectAccessReview': accessReview(
    'May this user do this in the namespace?',
    subjectSpec,
  ),
  'io.k8s.api.authorization.v1.SelfSubjectRulesReview': rulesReview,
};

/** Components of authentication.k8s.io/v1. */
export const authenticationComponents: Readonly<Record<string, JsonObject>> = {
  'io.k8s.api.authentication.v1.SelfSubjectReview': selfSubjectReview,
  'io.k8s.api.authentication.v1.TokenReview': tokenReview,
};
