import { isJsonObject, type JsonObject, type JsonValue } from '../../codec/json.ts';
import { listAt, objectAt, textAt } from '../../registry/object.ts';
import { duplicate, notSupported, tooLong, type FieldError } from '../../schema/fieldErrors.ts';
import { byteLength, checkQualifiedName } from '../../schema/names.ts';
import { compileJsonPath, JsonPathError } from '../../table/jsonPath.ts';
import { invalidValue, requiredValue } from '../fieldChecks.ts';

const REASON = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';
const REASON_TEST = new RegExp(`^${REASON}$`);
const REASON_TEXT = `a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '${REASON}')`;
const STATUSES = ['False', 'True', 'Unknown'];
const MAX_REASON = 1024;
const MAX_MESSAGE = 32 * 1024;

/** What is wrong with the status of a ValidatingAdmissionPolicy. */
export function policyStatusErrors(policy: JsonObject): FieldError[] {
  const status = objectAt(policy, 'status');
  const conditions = listAt(status, 'conditions');
  const types = conditions.map((one) => textAt(one, 'type'));
  return [
    ...listAt(objectAt(status, 'typeChecking'), 'expressionWarnings').flatMap((one, index) =>
      warningErrors(one, `status.typeChecking.expressionWarnings[${index}]`),
    ),
    ...conditions.flatMap((one, index) => {
      const field = `status.conditions[${index}]`;
      const type = textAt(one, 'type');
      return [
        ...(types.indexOf(type) < index ? [duplicate(`${field}.type`, type)] : []),
        ...conditionErrors(one, field),
      ];
    }),
  ];
}

function warningErrors(one: JsonValue, field: string): FieldError[] {
  return [
    ...(textAt(one, 'warning') === '' ? [requiredValue(`${field}.warning`)] : []),
    ...fieldRefErrors(textAt(one, 'fieldRef').trim(), `${field}.fieldRef`),
  ];
}

function fieldRefErrors(fieldRef: string, field: string): FieldError[] {
  if (fieldRef === '') return [requiredValue(field)];
  try {
    compileJsonPath(/^[.[]/.test(fieldRef) ? fieldRef : `.${fieldRef}`);
    return [];
  } catch (error) {
    if (!(error instanceof JsonPathError)) throw error;
    return [invalidValue(field, fieldRef, `invalid JSONPath: ${error.message}`)];
  }
}

function conditionErrors(one: JsonValue, field: string): FieldError[] {
  const text = (member: string): string => textAt(one, member);
  const isLong = (member: string, max: number): FieldError[] =>
    byteLength(text(member)) > max ? [tooLong(`${field}.${member}`, max)] : [];
  return [
    ...checkQualifiedName(text('type')).map((problem) => invalidValue(`${field}.type`, text('type'), problem)),
    ...(STATUSES.includes(text('status')) ? [] : [notSupported(`${field}.status`, text('status'), STATUSES)]),
    ...generationErrors(isJsonObject(one) ? one['observedGeneration'] : undefined, `${field}.observedGeneration`),
    ...(text('lastTransitionTime') === '' ? [requiredValue(`${field}.lastTransitionTime`)] : []),
    ...reasonErrors(text('reason'), `${field}.reason`),
    ...isLong('reason', MAX_REASON),
    ...isLong('message', MAX_MESSAGE),
  ];
}

function generationErrors(generation: JsonValue | undefined, field: string): FieldError[] {
  if (typeof generation !== 'number' || generation >= 0) return [];
  return [invalidValue(field, generation, 'must be greater than or equal to zero')];
}

function reasonErrors(reason: string, field: string): FieldError[] {
  if (reason === '') return [requiredValue(field)];
  return REASON_TEST.test(reason) ? [] : [invalidValue(field, reason, REASON_TEXT)];
}
