import type { JsonObject, JsonValue } from '../../codec/json.ts';
import { listAt, metaOf, objectAt, textAt } from '../../registry/object.ts';
import { compileProgram, ProgramError, type Program } from '../../schema/cel/policy/program.ts';
import { ComposedVariables } from '../../schema/cel/policy/composedVariables.ts';
import { policyVariables, withoutAuthorizer, type PolicyTypes } from '../../schema/cel/policy/policyVariables.ts';
import { BOOL, DYN, NULL, STRING, type CelType } from '../../schema/cel/types/type.ts';
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

/** Compiles every expression of `policy`; what does not compile is in `errors`. */
export function compilePolicy(policy: JsonObject): CompiledPolicy {
  return new Compiler(policy).compile();
}

/** As Go prints the type. */
function nameOf({ name, params }: CelType): string {
  return params.length === 0 ? name : `${name}(${params.map(nameOf).join(', ')})`;
}

/** What is to be compiled, and where it stands. */
interface Source {
  text: string;
  /** As errors show it. */
  shown?: string;
  field: string;
}

class Compiler {
  readonly #policy: JsonObject;
  readonly #spec: JsonObject;
  readonly #errors: FieldError[] = [];

  constructor(policy: JsonObject) {
    this.#policy = policy;
    this.#spec = objectAt(policy, 'spec') ?? {};
  }

  compile(): CompiledPolicy {
    const kind = objectAt(this.#spec, 'paramKind');
    const composed = new ComposedVariables();
    // what objects and parameters are shows at run time
    const types: PolicyTypes = { object: DYN, params: kind && DYN, variables: undefined };
    const ofConditions = policyVariables(types);
    const isComposed = listAt(this.#spec, 'variables').length > 0;
    const all = isComposed ? policyVariables({ ...types, variables: composed.type }) : ofConditions;
    const ofMessages = withoutAuthorizer(all);
    return {
      name: textAt(metaOf(this.#policy), 'name'),
      spec: this.#spec,
      failsClosed: textAt(this.#spec, 'failurePolicy') !== 'Ignore',
      paramKind: kind && { apiVersion: textAt(kind, 'apiVersion'), kind: textAt(kind, 'kind') },
      matchConditions: this.#list('matchConditions', (one, field) => {
        const source = { text: textAt(one, 'expression').trim(), field: `${field}.expression` };
        const condition = this.#program(source, ofConditions, [BOOL]);
        return condition && { name: textAt(one, 'name'), condition };
      }),
      variables: this.#list('variables', (one, field) => {
        const source = { text: textAt(one, 'expression'), field: `${field}.expression` };
        const value = this.#program(source, all, []);
        composed.add(textAt(one, 'name'), value?.type ?? DYN);
        return value && { name: textAt(one, 'name'), value };
      }),
      validations: this.#list('validations', (one, field) => this.#validation(one, field, { all, ofMessages })),
      auditAnnotations: this.#list('auditAnnotations', (one, field) => {
        const shown = textAt(one, 'valueExpression');
        const source = { text: shown.trim(), shown, field: `${field}.valueExpression` };
        const value = this.#program(source, all, [STRING, NULL]);
        return value && { key: textAt(one, 'key'), value };
      }),
      errors: this.#errors,
    };
  }

  #list<T>(member: string, read: (one: JsonValue, field: string) => T | undefined): T[] {
    return listAt(this.#spec, member).flatMap((one, index) => read(one, `spec.${member}[${index}]`) ?? []);
  }

  #validation(
    one: JsonValue,
    field: string,
    { all, ofMessages }: Record<'all' | 'ofMessages', ReadonlyMap<string, CelType>>,
  ): Validation | undefined {
    const rule = this.#program({ text: textAt(one, 'expression'), field: `${field}.expression` }, all, [BOOL]);
    const source = { text: textAt(one, 'messageExpression'), field: `${field}.messageExpression` };
    const messageExpression = this.#program(source, ofMessages, [STRING]);
    return rule && { rule, message: textAt(one, 'message'), messageExpression, reason: textAt(one, 'reason') };
  }

  /** @param wanted  Types that it may have; none = any. */
  #program(
    { text, shown = text, field }: Source,
    variables: ReadonlyMap<string, CelType>,
    wanted: readonly CelType[],
  ): Program | undefined {
    if (text.trim() === '') return undefined;
    try {
      const program = compileProgram(text, variables);
      if (wanted.length === 0 || wanted.some(({ kind }) => kind === program.type.kind)) return program;
      const names = wanted.map(nameOf);
      const types = names.length === 1 ? names.join() : `one of [${names.join(' ')}]`;
      this.#errors.push(invalid(field, shown, `must evaluate to ${types} but got ${nameOf(program.type)}`));
    } catch (error) {
      if (!(error instanceof ProgramError)) throw error;
      this.#errors.push(invalid(field, shown, error.message));
    }
    return undefined;
  }
}
