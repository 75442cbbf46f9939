import type { JsonObject, JsonValue } from '../../codec/json.ts';
import { listAt, metaOf, objectAt, textAt } from '../../registry/object.ts';
import { AUTHORIZER, RESOURCE_CHECK } from '../../schema/cel/policy/authorizer.ts';
import { compileProgram, ProgramError, type Program } from '../../schema/cel/policy/program.ts';
import { BOOL, DYN, NULL, STRING, structOf, typeText, type CelType } from '../../schema/cel/types/type.ts';
import { invalid, type FieldError } from '../../schema/fieldErrors.ts';

/** One rule of a policy. */
export interface Validation {
  rule: Program;
  message: string;
  messageExpression: Program | undefined;
  reason: string;
}

/** A ValidatingAdmissionPolicy, ready to judge. */
export interface CompiledPolicy {
  name: string;
  spec: JsonObject;
  failsClosed: boolean;
  paramKind: { apiVersion: string; kind: string } | undefined;
  matchConditions: readonly { name: string; condition: Program }[];
  /** In the order in which they may use each other. */
  variables: readonly { name: string; value: Program }[];
  validations: readonly Validation[];
  auditAnnotations: readonly { key: string; value: Program }[];
  /** Why it cannot judge, field by field; empty = it can. */
  errors: readonly FieldError[];
}

/** Variables of every expression; `params` only of a policy with a paramKind, `variables` not of matchConditions. */
const REQUEST_VARIABLES: readonly (readonly [string, CelType])[] = [
  ['object', DYN],
  ['oldObject', DYN],
  ['request', DYN],
  ['namespaceObject', DYN],
  ['authorizer', AUTHORIZER],
  ['authorizer.requestResource', RESOURCE_CHECK],
];

/** Compiles every expression of `policy`; what does not compile is in `errors`. */
export function compilePolicy(policy: JsonObject): CompiledPolicy {
  return new Compiler(policy).compile();
}

/** As Go prints the type. */
function nameOf(type: CelType): string {
  return type.kind === NULL.kind ? 'null_type' : typeText(type);
}

class Compiler {
  readonly #policy: JsonObject;
  readonly #spec: JsonObject;
  readonly #errors: FieldError[] = [];
  readonly #fields = new Map<string, CelType>();

  constructor(policy: JsonObject) {
    this.#policy = policy;
    this.#spec = objectAt(policy, 'spec') ?? {};
  }

  compile(): CompiledPolicy {
    const kind = objectAt(this.#spec, 'paramKind');
    const base = new Map(REQUEST_VARIABLES);
    if (kind !== undefined) base.set('params', DYN);
    const matchConditions = this.#list('matchConditions', (one, field) => {
      const condition = this.#program(textAt(one, 'expression'), `${field}.expression`, base, [BOOL]);
      return condition && { name: textAt(one, 'name'), condition };
    });
    const all = new Map(base);
    if (listAt(this.#spec, 'variables').length > 0)
      all.set('variables', structOf('kubernetes.variables', this.#fields));
    const variables = this.#list('variables', (one, field) => {
      const value = this.#program(textAt(one, 'expression'), `${field}.expression`, all, []);
      if (value !== undefined) this.#fields.set(textAt(one, 'name'), value.type);
      return value && { name: textAt(one, 'name'), value };
    });
    return {
      name: textAt(metaOf(this.#policy), 'name'),
      spec: this.#spec,
      failsClosed: textAt(this.#spec, 'failurePolicy') !== 'Ignore',
      paramKind: kind && { apiVersion: textAt(kind, 'apiVersion'), kind: textAt(kind, 'kind') },
      matchConditions,
      variables,
      validations: this.#list('validations', (one, field) => this.#validation(one, field, all)),
      auditAnnotations: this.#list('auditAnnotations', (one, field) => {
        const source = textAt(one, 'valueExpression');
        const value = this.#program(source, `${field}.valueExpression`, all, [STRING, NULL]);
        return value && { key: textAt(one, 'key'), value };
      }),
      errors: this.#errors,
    };
  }

  #list<T>(member: string, read: (one: JsonValue, field: string) => T | undefined): T[] {
    return listAt(this.#spec, member).flatMap((one, index) => read(one, `spec.${member}[${index}]`) ?? []);
  }

  #validation(one: JsonValue, field: string, variables: ReadonlyMap<string, CelType>): Validation | undefined {
    const rule = this.#program(textAt(one, 'expression'), `${field}.expression`, variables, [BOOL]);
    const source = textAt(one, 'messageExpression');
    const messageExpression =
      source === '' ? undefined : this.#program(source, `${field}.messageExpression`, variables, [STRING]);
    return rule && { rule, message: textAt(one, 'message'), messageExpression, reason: textAt(one, 'reason') };
  }

  #program(
    source: string,
    field: string,
    variables: ReadonlyMap<string, CelType>,
    wanted: readonly CelType[],
  ): Program | undefined {
    if (source.trim() === '') return undefined;
    try {
      const program = compileProgram(source, variables);
      // the request has no schema here: what its members are is known only when they are there
      if (wanted.length === 0 || [DYN, ...wanted].some(({ kind }) => kind === program.type.kind)) return program;
      const names = wanted.map(nameOf);
      const types = names.length === 1 ? names.join() : `one of [${names.join(' ')}]`;
      this.#errors.push(invalid(field, source, `must evaluate to ${types} but got ${nameOf(program.type)}`));
    } catch (error) {
      if (!(error instanceof ProgramError)) throw error;
      this.#errors.push(invalid(field, source, error.message));
    }
    return undefined;
  }
}
