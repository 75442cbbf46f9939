import type { Library } from '../functions/declare.ts';
import { instance, method, STRING } from '../functions/declare.ts';
import * as types from '../types/type.ts';
import { Opaque, type Value } from '../values/value.ts';

/** What an authorizer is asked. `user` is set where an expression asks for a ServiceAccount instead of the requester. */
export interface AuthorizerQuestion {
  user: { namespace: string; name: string } | undefined;
  isResource: boolean;
  path: string;
  verb: string;
  group: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
}

/** Answers at once. */
export type Ask = (question: AuthorizerQuestion) => { allowed: boolean; reason: string };

const PREFIX = 'kubernetes.authorization.';
/** Type of the variable `authorizer`. */
export const AUTHORIZER = types.opaqueOf(`${PREFIX}Authorizer`);
const PATH_CHECK = types.opaqueOf(`${PREFIX}PathCheck`);
const GROUP_CHECK = types.opaqueOf(`${PREFIX}GroupCheck`);
/** Type of the variable `authorizer.requestResource`. */
export const RESOURCE_CHECK = types.opaqueOf(`${PREFIX}ResourceCheck`);
const DECISION = types.opaqueOf(`${PREFIX}Decision`);

const NOTHING: AuthorizerQuestion = {
  user: undefined,
  isResource: true,
  path: '',
  verb: '',
  group: '',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
};

/** A question under way: each call adds to it. */
class Check extends Opaque {
  readonly type: types.CelType;
  readonly question: AuthorizerQuestion;
  readonly ask: Ask;

  constructor(type: types.CelType, ask: Ask, question: AuthorizerQuestion) {
    super();
    this.type = type;
    this.ask = ask;
    this.question = question;
  }

  equals(other: Value): boolean {
    return this === other;
  }

  /** A copy with one more part of the question. */
  with<Part extends keyof AuthorizerQuestion>(
    part: Part,
    value: AuthorizerQuestion[Part],
    type: types.CelType = this.type,
  ): Check {
    const question = { ...this.question };
    question[part] = value;
    return new Check(type, this.ask, question);
  }
}

class Decision extends Opaque {
  readonly type = DECISION;
  readonly allowed: boolean;
  readonly reason: string;
  /** The own authorizer always has an answer. */
  readonly error: string = '';

  constructor({ allowed, reason }: { allowed: boolean; reason: string }) {
    super();
    this.allowed = allowed;
    this.reason = reason;
  }

  equals(other: Value): boolean {
    return this === other;
  }
}

/** The variable `authorizer` of one request. */
export function authorizerValue(ask: Ask): Value {
  return new Check(AUTHORIZER, ask, NOTHING);
}

/** The variable `authorizer.requestResource`: the very resource of the request. */
export function requestResourceValue(ask: Ask, about: Partial<AuthorizerQuestion>): Value {
  return new Check(RESOURCE_CHECK, ask, { ...NOTHING, ...about });
}

const decision = instance(DECISION, Decision);
const of = (type: types.CelType) => ({
  type,
  is: (value: Value): value is Check => value instanceof Check && value.type === type,
});
const [anyone, path, group, resource] = [AUTHORIZER, PATH_CHECK, GROUP_CHECK, RESOURCE_CHECK].map(of) as [
  ReturnType<typeof of>,
  ReturnType<typeof of>,
  ReturnType<typeof of>,
  ReturnType<typeof of>,
];

const decide = (check: Check, verb: string): Value => new Decision(check.ask({ ...check.question, verb }));
const unchanged = (...[check]: readonly [check: Check, selector: string]): Value => check;
const narrow = (id: string, key: 'subresource' | 'namespace' | 'name') => [
  method(id, [resource, STRING], RESOURCE_CHECK, (check: Check, text: string) => check.with(key, text)),
];

/** Kubernetes' authorizer library. RBAC knows no selectors, so that those of a question change nothing. */
export const authorization: Library = {
  path: [
    method('authorizer_path', [anyone, STRING], PATH_CHECK, (check: Check, text: string) =>
      check.with('isResource', false).with('path', text, PATH_CHECK),
    ),
  ],
  group: [
    method('authorizer_group', [anyone, STRING], GROUP_CHECK, (check: Check, text: string) =>
      check.with('group', text, GROUP_CHECK),
    ),
  ],
  serviceAccount: [
    method(
      'authorizer_serviceaccount',
      [anyone, STRING, STRING],
      AUTHORIZER,
      (check: Check, namespace: string, name: string) => check.with('user', { namespace, name }),
    ),
  ],
  resource: [
    method('groupcheck_resource', [group, STRING], RESOURCE_CHECK, (check: Check, text: string) =>
      check.with('resource', text, RESOURCE_CHECK),
    ),
  ],
  subresource: narrow('resourcecheck_subresource', 'subresource'),
  namespace: narrow('resourcecheck_namespace', 'namespace'),
  name: narrow('resourcecheck_name', 'name'),
  fieldSelector: [method('authorizer_fieldselector', [resource, STRING], RESOURCE_CHECK, unchanged)],
  labelSelector: [method('authorizer_labelselector', [resource, STRING], RESOURCE_CHECK, unchanged)],
  check: [
    method('pathcheck_check', [path, STRING], DECISION, decide),
    method('resourcecheck_check', [resource, STRING], DECISION, decide),
  ],
  allowed: [method('decision_allowed', [decision], types.BOOL, ({ allowed }: Decision) => allowed)],
  reason: [method('decision_reason', [decision], types.STRING, ({ reason }: Decision) => reason)],
  errored: [method('decision_errored', [decision], types.BOOL, ({ error }: Decision) => error !== '')],
  error: [method('decision_error', [decision], types.STRING, ({ error }: Decision) => error)],
};
