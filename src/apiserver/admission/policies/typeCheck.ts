import type { JsonObject, JsonValue } from '../../codec/json.ts';
import { listAt, objectAt, textAt } from '../../registry/object.ts';
import { ComposedVariables } from '../../schema/cel/policy/composedVariables.ts';
import { policyVariables } from '../../schema/cel/policy/policyVariables.ts';
import { checkProgram } from '../../schema/cel/policy/program.ts';
import { CompileError } from '../../schema/cel/syntax/issues.ts';
import { DYN, type CelType } from '../../schema/cel/types/type.ts';

/** A kind that a policy names, by its schema. */
export interface TypedKind {
  /** `group/version, Kind=Kind` */
  name: string;
  type: CelType;
}

/** What is doubtful in an expression of a policy. */
export interface ExpressionWarning extends JsonObject {
  fieldRef: string;
  warning: string;
}

/**
 * Holds the validations of a policy and their messages against the schema of each kind that it names: a member that no
 * such object has, a comparison that cannot hold. The policy is in force all the same.
 * Source: k8s.io/apiserver pkg/admission/plugin/policy/validating/typechecking.go (v0.35).
 * @param params  Type of the parameters; undefined = none, or of a kind that is not known.
 */
export function checkTypes(
  policy: JsonObject,
  kinds: readonly TypedKind[],
  params: CelType | undefined,
): ExpressionWarning[] {
  const spec = objectAt(policy, 'spec');
  const known = kinds.map(({ name, type }) => ({ name, variables: variablesFor(spec, type, params) }));
  const check = (one: JsonValue, member: string, at: string): ExpressionWarning[] => {
    const source = textAt(one, member);
    const problems = known.flatMap(({ name, variables }) => {
      const outcome = checkProgram(source, variables);
      return outcome instanceof CompileError ? `${name}: ${outcome.message}\n` : [];
    });
    return problems.length === 0 ? [] : [{ fieldRef: `${at}.${member}`, warning: problems.join('\n') }];
  };
  return listAt(spec, 'validations').flatMap((one, index) => [
    ...check(one, 'expression', `spec.validations[${index}]`),
    ...(textAt(one, 'messageExpression') === '' ? [] : check(one, 'messageExpression', `spec.validations[${index}]`)),
  ]);
}

function variablesFor(
  spec: JsonObject | undefined,
  object: CelType,
  params: CelType | undefined,
): ReadonlyMap<string, CelType> {
  const composed = new ComposedVariables();
  const variables = policyVariables({ object, params, variables: composed.type });
  for (const one of listAt(spec, 'variables')) {
    const type = checkProgram(textAt(one, 'expression'), variables);
    composed.add(textAt(one, 'name'), type instanceof CompileError ? DYN : type);
  }
  return variables;
}
