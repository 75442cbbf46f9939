import { compilePolicy } from '../../admission/policies/compiledPolicy.ts';
import type { JsonObject, JsonValue } from '../../codec/json.ts';
import { listAt, metaOf, objectAt, textAt } from '../../registry/object.ts';
import { RESERVED } from '../../schema/cel/schema/escape.ts';
import { duplicate, notSupported, tooMany, type FieldError } from '../../schema/fieldErrors.ts';
import { byteLength, checkDns1035Label, checkDns1123Subdomain, checkQualifiedName } from '../../schema/names.ts';
import { invalidValue, requiredValue } from '../fieldChecks.ts';
import { matchErrors } from './matchChecks.ts';

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
const IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
const MAX_CONDITIONS = 64;
const MAX_ANNOTATIONS = 20;
const MAX_ANNOTATION_BYTES = 5 * 1024;

/** What is wrong with a ValidatingAdmissionPolicy. Source: k8s.io/kubernetes pkg/apis/admissionregistration (v1.35). */
export function policyErrors(policy: JsonObject): FieldError[] {
  const spec = objectAt(policy, 'spec');
  const failurePolicy = textAt(spec, 'failurePolicy');
  const expressions = new Expressions(policy);
  return [
    ...(['Fail', 'Ignore'].includes(failurePolicy)
      ? []
      : [notSupported('spec.failurePolicy', failurePolicy, ['Fail', 'Ignore'])]),
    ...paramKindErrors(objectAt(spec, 'paramKind')),
    ...constraintErrors(objectAt(spec, 'matchConstraints')),
    ...conditionErrors(spec, expressions),
    ...each(spec, 'variables', (one, field) => [
      ...variableNameErrors(textAt(one, 'name'), `${field}.name`),
      ...expressions.errors(one, field, 'expression'),
    ]),
    ...decisionErrors(policy, spec, expressions),
  ];
}

/** What compiling found, to be told where the expression stands. */
class Expressions {
  readonly #found: Map<string, FieldError>;

  constructor(policy: JsonObject) {
    this.#found = new Map(compilePolicy(policy).errors.map((error) => [error.field, error]));
  }

  /** @param missing  What is said when there is none. */
  errors(one: JsonValue, field: string, member: string, missing = `${member} is not specified`): FieldError[] {
    const path = `${field}.${member}`;
    if (textAt(one, member).trim() === '') return [requiredValue(path, missing)];
    return this.compileErrors(path);
  }

  compileErrors(path: string): FieldError[] {
    const found = this.#found.get(path);
    return found === undefined ? [] : [found];
  }
}

function each(
  spec: JsonObject | undefined,
  member: string,
  check: (one: JsonValue, field: string) => FieldError[],
): FieldError[] {
  return listAt(spec, member).flatMap((one, index) => check(one, `spec.${member}[${index}]`));
}

function paramKindErrors(paramKind: JsonObject | undefined): FieldError[] {
  if (paramKind === undefined) return [];
  const kind = textAt(paramKind, 'kind');
  const field = 'spec.paramKind.kind';
  const text = (problem: string): string => `may have mixed case, but should otherwise match: ${problem}`;
  return [
    ...apiVersionErrors(textAt(paramKind, 'apiVersion'), 'spec.paramKind.apiVersion'),
    ...(kind === ''
      ? [requiredValue(field)]
      : checkDns1035Label(kind.toLowerCase()).map((problem) => invalidValue(field, kind, text(problem)))),
  ];
}

function apiVersionErrors(apiVersion: string, field: string): FieldError[] {
  if (apiVersion === '') return [requiredValue(field)];
  const [first = '', second, ...rest] = apiVersion.split('/');
  if (rest.length > 0) return [invalidValue(field, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
  const [group, version] = second === undefined ? ['', first] : [first, second];
  return [
    ...(group === '' ? [] : checkDns1123Subdomain(group).map((problem) => invalidValue(field, group, problem))),
    ...(version === ''
      ? [invalidValue(field, apiVersion, 'version must be specified')]
      : checkDns1035Label(version).map((problem) => invalidValue(field, version, problem))),
  ];
}

function constraintErrors(constraints: JsonObject | undefined): FieldError[] {
  if (constraints === undefined) return [requiredValue('spec.matchConstraints')];
  const hasRules = listAt(constraints, 'resourceRules').length > 0;
  return [
    ...matchErrors(constraints, 'spec.matchConstraints'),
    ...(hasRules ? [] : [requiredValue('spec.matchConstraints.resourceRules')]),
  ];
}

function conditionErrors(spec: JsonObject | undefined, expressions: Expressions): FieldError[] {
  const count = listAt(spec, 'matchConditions').length;
  const names = new Set<string>();
  return [
    ...(count > MAX_CONDITIONS ? [tooMany('spec.matchConditions', count, MAX_CONDITIONS)] : []),
    ...each(spec, 'matchConditions', (one, field) => {
      const name = textAt(one, 'name');
      const wrong =
        name === ''
          ? [requiredValue(`${field}.name`)]
          : checkQualifiedName(name).map((text) => invalidValue(`${field}.name`, name, text));
      return [...expressions.errors(one, field, 'expression', ''), ...wrong, ...repeated(names, name, `${field}.name`)];
    }),
  ];
}

/** Says that `value` was there before, and remembers it. */
function repeated(known: Set<string>, value: string, field: string): FieldError[] {
  if (value === '') return [];
  const isKnown = known.has(value);
  known.add(value);
  return isKnown ? [duplicate(field, value)] : [];
}

function variableNameErrors(name: string, field: string): FieldError[] {
  if (name.trim() === '') return [requiredValue(field, 'name is not specified')];
  if (IDENTIFIER.test(name) && !RESERVED.has(name)) return [];
  return [invalidValue(field, name, 'must be a valid CEL identifier')];
}

function decisionErrors(policy: JsonObject, spec: JsonObject | undefined, expressions: Expressions): FieldError[] {
  const annotations = listAt(spec, 'auditAnnotations');
  if (listAt(spec, 'validations').length === 0 && annotations.length === 0) {
    const detail = 'validations or auditAnnotations must contain at least one item';
    return ['spec.validations', 'spec.auditAnnotations'].map((field) => requiredValue(field, detail));
  }
  const policyName = textAt(metaOf(policy), 'name');
  const keys = new Set<string>();
  return [
    ...each(spec, 'validations', (one, field) => validationErrors(one, field, expressions)),
    ...(annotations.length > MAX_ANNOTATIONS ? [tooManyAnnotations(annotations)] : []),
    ...each(spec, 'auditAnnotations', (one, field) => [
      ...annotationErrors(one, field, { policyName, expressions }),
      ...repeated(keys, textAt(one, 'key'), `${field}.key`),
    ]),
  ];
}

function validationErrors(one: JsonValue, field: string, expressions: Expressions): FieldError[] {
  const reason = textAt(one, 'reason');
  const messageExpression = textAt(one, 'messageExpression');
  return [
    ...expressions.errors(one, field, 'expression'),
    ...blankErrors(messageExpression, `${field}.messageExpression`),
    ...expressions.compileErrors(`${field}.messageExpression`),
    ...messageErrors(textAt(one, 'message'), `${field}.message`),
    ...(reason === '' || REASONS.includes(reason) ? [] : [notSupported(`${field}.reason`, reason, REASONS)]),
  ];
}

function messageErrors(message: string, field: string): FieldError[] {
  if (/[\n\r]/.test(message.trim())) return [invalidValue(field, message, 'must not contain line breaks')];
  return blankErrors(message, field);
}

function blankErrors(text: string, field: string): FieldError[] {
  const isBlank = text !== '' && text.trim() === '';
  return isBlank ? [invalidValue(field, text, 'must be non-empty if specified')] : [];
}

function tooManyAnnotations(annotations: readonly JsonValue[]): FieldError {
  const shown = annotations.map((one) => ({
    Key: textAt(one, 'key'),
    ValueExpression: textAt(one, 'valueExpression'),
  }));
  return invalidValue('spec.auditAnnotations', shown, `must not have more than ${MAX_ANNOTATIONS} auditAnnotations`);
}

/** An annotation stands in the audit log under the name of its policy. */
function annotationErrors(
  one: JsonValue,
  field: string,
  { policyName, expressions }: { policyName: string; expressions: Expressions },
): FieldError[] {
  const key = `${policyName}/${textAt(one, 'key')}`;
  const isLong = byteLength(textAt(one, 'valueExpression').trim()) > MAX_ANNOTATION_BYTES;
  const tooLong = `must not exceed ${MAX_ANNOTATION_BYTES} bytes in length`;
  return [
    ...checkQualifiedName(key).map((text) => invalidValue(`${field}.key`, key, text)),
    ...(isLong
      ? [requiredValue(`${field}.valueExpression`, tooLong)]
      : expressions.errors(one, field, 'valueExpression')),
  ];
}
