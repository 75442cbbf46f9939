import type { RbacAuthorizer } from '../../authorization/rbacAuthorizer.ts';
import type { JsonObject, JsonValue } from '../../codec/json.ts';
import type { User } from '../../http/authentication.ts';
import type { AdmissionRequest } from '../../registry/call.ts';
import { authorizerValue, requestResourceValue, type Ask } from '../../schema/cel/policy/authorizer.ts';
import { jsonValue } from '../../schema/cel/policy/jsonValue.ts';
import { ProgramError, type CostBudget, type Program } from '../../schema/cel/policy/program.ts';
import { EvaluationError } from '../../schema/cel/values/errors.ts';
import { CelMap } from '../../schema/cel/values/map.ts';
import type { Value } from '../../schema/cel/values/value.ts';
import type { CompiledPolicy, Validation } from './compiledPolicy.ts';

/** What a policy has to say about a request: a failure, or something for the audit log. */
export interface Finding {
  message: string;
  /** Status reason; '' = Invalid. */
  reason: string;
  /** Which validation. */
  index: number;
  audit?: { key: string; value: string };
}

/** What expressions see of one request, whatever the policy. */
export type RequestValues = ReadonlyMap<string, Value>;

/** One policy with one set of parameters, judging one request. */
export interface EvaluationInput {
  values: RequestValues;
  params: JsonObject | undefined;
  budget: CostBudget;
}

const MAX_MESSAGE = 5 * 1024;

/** Runs the expressions of a policy. */
export class Evaluation {
  readonly #policy: CompiledPolicy;
  readonly #budget: CostBudget;
  readonly #values: Map<string, Value>;

  constructor(policy: CompiledPolicy, input: EvaluationInput) {
    this.#policy = policy;
    this.#budget = input.budget;
    this.#values = new Map(input.values);
    this.#values.set('params', jsonValue(input.params ?? null));
    this.#values.set('variables', new Variables(policy.variables, this.#values, input.budget));
  }

  /** Failures first come first. */
  run(): Finding[] {
    const { errors, failsClosed } = this.#policy;
    const [error] = errors;
    if (error !== undefined) return failsClosed ? [failure(`${error.field}: ${error.detail}`, 0)] : [];
    const matched = this.#conditions();
    if (matched !== true) return matched;
    return [
      ...this.#policy.validations.flatMap((validation, index) => this.#validate(validation, index) ?? []),
      ...this.#annotations(),
    ];
  }

  /** true when all hold. One that is false ends it, also after one that has no value. */
  #conditions(): true | Finding[] {
    const problems: string[] = [];
    for (const { condition } of this.#policy.matchConditions) {
      const outcome = this.#evaluate(condition);
      if (outcome.value === false) return [];
      if (outcome.error !== undefined) problems.push(unevaluated(condition, outcome.error));
    }
    if (problems.length === 0) return true;
    return this.#policy.failsClosed ? [failure(problems.join(', '), 0)] : [];
  }

  #validate({ rule, message, messageExpression, reason }: Validation, index: number): Finding | undefined {
    const outcome = this.#evaluate(rule);
    if (outcome.value === true) return undefined;
    if (outcome.error !== undefined) {
      if (!this.#policy.failsClosed) return undefined;
      return failure(unevaluated(rule, outcome.error), index);
    }
    const made = messageExpression && this.#text(messageExpression);
    const text = made ?? (message === '' ? `failed expression: ${rule.source.trim()}` : message.trim());
    return { message: text, reason, index };
  }

  /** undefined = a message that nobody could use. */
  #text(program: Program): string | undefined {
    const { value } = this.#evaluate(program);
    if (typeof value !== 'string') return undefined;
    const text = value.trim();
    return text === '' || text.includes('\n') || text.length > MAX_MESSAGE ? undefined : text;
  }

  #annotations(): Finding[] {
    return this.#policy.auditAnnotations.flatMap(({ key, value }) => {
      const outcome = this.#evaluate(value);
      if (outcome.error !== undefined) {
        return this.#policy.failsClosed ? [failure(`audit annotation '${key}': ${outcome.error}`, 0)] : [];
      }
      const text = typeof outcome.value === 'string' ? outcome.value.trim() : '';
      return text === '' ? [] : [{ message: '', reason: '', index: 0, audit: { key, value: text } }];
    });
  }

  #evaluate(program: Program): { value?: Value; error?: string } {
    try {
      return { value: program.evaluate(this.#values, this.#budget) };
    } catch (error) {
      if (error instanceof ProgramError) return { error: error.message };
      throw error;
    }
  }
}

function unevaluated({ source }: Program, error: string): string {
  return `expression '${source.trim()}' resulted in error: ${error}`;
}

function failure(message: string, index: number): Finding {
  return { message, reason: '', index };
}

/** `variables`: each is computed when it is first used. */
class Variables extends CelMap {
  readonly #programs: CompiledPolicy['variables'];
  readonly #values: ReadonlyMap<string, Value>;
  readonly #budget: CostBudget;
  readonly #known = new Map<string, Value | EvaluationError>();

  constructor(programs: CompiledPolicy['variables'], values: ReadonlyMap<string, Value>, budget: CostBudget) {
    super();
    this.#programs = programs;
    this.#values = values;
    this.#budget = budget;
  }

  get size(): number {
    return this.#programs.length;
  }

  find(key: Value): Value | undefined {
    const program = this.#programs.find(({ name }) => name === key);
    if (program === undefined) return undefined;
    const known = this.#known.get(program.name) ?? this.#compute(program.value);
    this.#known.set(program.name, known);
    if (known instanceof EvaluationError) throw known;
    return known;
  }

  keys(): Iterable<Value> {
    return this.#programs.map(({ name }) => name);
  }

  #compute(program: Program): Value | EvaluationError {
    try {
      return program.evaluate(this.#values, this.#budget);
    } catch (error) {
      if (error instanceof ProgramError)
        return new EvaluationError(`composited variable fails to evaluate: ${error.message}`);
      throw error;
    }
  }
}

/** Values of the variables that every policy has. */
export function requestValues({
  request,
  namespaceObject,
  authorizer,
}: {
  request: AdmissionRequest;
  namespaceObject: JsonObject | undefined;
  authorizer: RbacAuthorizer;
}): RequestValues {
  const { call, object, old } = request;
  const ask = askFor(call.user, authorizer);
  const { group, names } = call.resource;
  const about = { group, resource: names.plural, subresource: call.subresource, namespace: call.namespace };
  return new Map<string, Value>([
    ['object', jsonValue(object ?? null)],
    ['oldObject', jsonValue(old ?? null)],
    ['request', jsonValue(requestOf(request))],
    ['namespaceObject', jsonValue(namespaceObject ?? null)],
    ['authorizer', authorizerValue(ask)],
    ['authorizer.requestResource', requestResourceValue(ask, { ...about, name: call.name })],
  ]);
}

function askFor(requester: User, authorizer: RbacAuthorizer): Ask {
  return (question) => {
    // one by one: to spread the question takes several times as long, and a write asks a handful
    const { isResource, path, verb, group, resource, subresource, namespace, name } = question;
    const user = question.user === undefined ? requester : accountOf(question.user);
    return authorizer.decide({
      user,
      isResource,
      path,
      verb,
      group,
      version: '*',
      resource,
      subresource,
      namespace,
      name,
    });
  };
}

function accountOf({ namespace, name }: { namespace: string; name: string }): User {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}

/** admission/v1 AdmissionRequest, without the objects; what is empty is not there, so that `has()` tells. */
function requestOf({ operation, call }: AdmissionRequest): JsonObject {
  const { group, version, names } = call.resource;
  const kind = { group, version, kind: names.kind };
  const resource = { group, version, resource: names.plural };
  const { user } = call;
  const extra = Object.entries(user.extra ?? {}).map(([key, values]): [string, JsonValue] => [key, [...values]]);
  return {
    uid: '',
    kind,
    resource,
    requestKind: kind,
    requestResource: resource,
    ...given({ subResource: call.subresource, requestSubResource: call.subresource }),
    ...given({ name: call.name, namespace: call.namespace }),
    operation,
    userInfo: {
      ...given({ username: user.name, uid: user.uid ?? '' }),
      groups: [...user.groups],
      ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) }),
    },
    dryRun: call.dryRun,
  };
}

function given(members: Record<string, string>): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== ''));
}
