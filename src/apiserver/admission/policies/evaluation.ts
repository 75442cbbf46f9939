import type { RbacAuthorizer } from '../../authorization/rbacAuthorizer.ts';
import type { JsonObject, JsonValue } from '../../codec/json.ts';
import type { User } from '../../http/authentication.ts';
import type { AdmissionRequest } from '../../registry/call.ts';
import { authorizerValue, requestResourceValue, type Ask } from '../../schema/cel/policy/authorizer.ts';
import { jsonValue } from '../../schema/cel/policy/jsonValue.ts';
import { BudgetSpent, CostBudget, ProgramError, type Program } from '../../schema/cel/policy/program.ts';
import { EvaluationError } from '../../schema/cel/values/errors.ts';
import { CelMap } from '../../schema/cel/values/map.ts';
import type { Value } from '../../schema/cel/values/value.ts';
import { aggregate } from '../../schema/fieldErrors.ts';
import { goQuote } from '../../schema/goText.ts';
import { byteLength } from '../../schema/names.ts';
import type { CompiledPolicy, Validation } from './compiledPolicy.ts';
import { namespaceOf } from './matching.ts';

/** Something that does not hold, or cannot be told. */
export interface Failure {
  message: string;
  /** Status reason; '' = Invalid. */
  reason: string;
  /** Which validation. */
  index: number;
}

/** What a policy has to say about a request. */
export interface Findings {
  failures: readonly Failure[];
  /** For the audit log. */
  annotations: readonly { key: string; value: string }[];
  /** Annotations that could not be made: the request is refused, whatever becomes of failures. */
  problems: readonly string[];
}

/** What expressions see of one request, whatever the policy. */
export type RequestValues = ReadonlyMap<string, Value>;

const MAX_MESSAGE = 5 * 1024;
const MAX_ANNOTATION = 10 * 1024;
/** Kubernetes' RuntimeCELCostBudgetMatchConditions. */
const CONDITIONS_BUDGET = 2_500_000;
const OPTIONS = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions' } as const;
const NOTHING: Findings = { failures: [], annotations: [], problems: [] };

/** Runs the expressions of one policy with one set of parameters on one request. */
export class Evaluation {
  readonly #policy: CompiledPolicy;
  readonly #values: Map<string, Value>;
  #budget = new CostBudget(CONDITIONS_BUDGET);

  constructor(policy: CompiledPolicy, values: RequestValues, params: JsonObject | undefined) {
    this.#policy = policy;
    this.#values = new Map(values);
    this.#values.set('params', jsonValue(params ?? null));
    this.#values.set('variables', new Variables(policy.variables, (program) => this.#run(program)));
  }

  run(): Findings {
    try {
      return this.#judge();
    } catch (error) {
      if (error instanceof BudgetSpent) return this.#undecided(error.message);
      throw error;
    }
  }

  #judge(): Findings {
    const { errors, validations, auditAnnotations } = this.#policy;
    const [error] = errors;
    if (error !== undefined) return this.#undecided(`${error.field}: ${error.detail}`);
    const matched = this.#conditions();
    if (matched !== true) return matched;
    this.#budget = new CostBudget();
    const failures = validations.flatMap((validation, index) => this.#validate(validation, index) ?? []);
    this.#budget = new CostBudget();
    const made = auditAnnotations.map(({ key, value }) => ({ key, ...this.#annotation(value) }));
    return {
      failures,
      annotations: made.flatMap(({ key, value = '' }) => (value === '' ? [] : [{ key, value }])),
      problems: this.#policy.failsClosed ? made.flatMap(({ problem }) => problem ?? []) : [],
    };
  }

  /** Nothing can be told: what follows is for the failurePolicy to say. */
  #undecided(message: string): Findings {
    return this.#policy.failsClosed ? { ...NOTHING, failures: [failure(message, 0)] } : NOTHING;
  }

  /** true when all hold. One that is false ends it, also after one that has no value. */
  #conditions(): true | Findings {
    const problems: string[] = [];
    for (const { condition } of this.#policy.matchConditions) {
      const outcome = this.#evaluate(condition);
      if (outcome.value === false) return NOTHING;
      if (outcome.error !== undefined) problems.push(unevaluated(condition, outcome.error));
    }
    return problems.length === 0 ? true : this.#undecided(aggregate(problems));
  }

  #validate({ rule, message, messageExpression, reason }: Validation, index: number): Failure | undefined {
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
    return text === '' || text.includes('\n') || byteLength(text) > MAX_MESSAGE ? undefined : text;
  }

  #annotation(program: Program): { value?: string; problem?: string } {
    const { value, error } = this.#evaluate(program);
    if (error !== undefined) return { problem: unevaluated(program, error) };
    return { value: typeof value === 'string' ? shortened(value.trim()) : '' };
  }

  #evaluate(program: Program): { value?: Value; error?: string } {
    try {
      return { value: this.#run(program) };
    } catch (error) {
      if (error instanceof ProgramError) return { error: error.message };
      throw error;
    }
  }

  #run(program: Program): Value {
    return program.evaluate(this.#values, this.#budget);
  }
}

function shortened(text: string): string {
  if (byteLength(text) <= MAX_ANNOTATION) return text;
  return Buffer.from(text).subarray(0, MAX_ANNOTATION).toString('utf8');
}

function unevaluated({ source }: Program, error: string): string {
  return `expression '${source.trim()}' resulted in error: ${error}`;
}

function failure(message: string, index: number): Failure {
  return { message, reason: '', index };
}

/** `variables`: each is computed when it is first used. */
class Variables extends CelMap {
  readonly #programs: CompiledPolicy['variables'];
  readonly #run: (program: Program) => Value;
  readonly #known = new Map<string, Value | EvaluationError>();

  constructor(programs: CompiledPolicy['variables'], run: (program: Program) => Value) {
    super();
    this.#programs = programs;
    this.#run = run;
  }

  get size(): number {
    return this.#programs.length;
  }

  find(key: Value): Value | undefined {
    const program = this.#programs.find(({ name }) => name === key);
    if (program === undefined) return undefined;
    const known = this.#known.get(program.name) ?? this.#compute(program);
    this.#known.set(program.name, known);
    if (known instanceof EvaluationError) throw known;
    return known;
  }

  keys(): Iterable<Value> {
    return this.#programs.map(({ name }) => name);
  }

  #compute({ name, value }: CompiledPolicy['variables'][number]): Value | EvaluationError {
    try {
      return this.#run(value);
    } catch (error) {
      if (error instanceof ProgramError)
        return new EvaluationError(`composited variable ${goQuote(name)} fails to evaluate: ${error.message}`);
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
  const about = { group, resource: names.plural, subresource: call.subresource, namespace: namespaceOf(call) };
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
function requestOf({ operation, call, kind: other }: AdmissionRequest): JsonObject {
  const { group, version, names } = call.resource;
  const kind = other ?? { group, version, kind: names.kind };
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
    ...given({ name: call.name, namespace: namespaceOf(call) }),
    operation,
    userInfo: {
      ...given({ username: user.name, uid: user.uid ?? '' }),
      groups: [...user.groups],
      ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) }),
    },
    dryRun: call.dryRun,
    options: { kind: OPTIONS[operation], apiVersion: 'meta.k8s.io/v1', ...call.options },
  };
}

function given(members: Record<string, string>): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== ''));
}
