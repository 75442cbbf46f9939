import { equalJson, type JsonObject, type JsonValue } from '../codec/json.ts';
import type { FieldError } from '../schema/fieldErrors.ts';
import { metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import type { Strategy } from '../registry/resource.ts';
import { AGE, namesOf, type BuiltinDefinition } from './definition.ts';
import {
  dataKeyErrors,
  forbiddenValue,
  invalidValue,
  joinBase64,
  membersOf,
  requiredValue,
  sizeErrors,
  unqualifiedFinalizers,
} from './fieldChecks.ts';

/** Keys that a type demands; of a list within the list, one is enough. */
const REQUIRED_KEYS: ReadonlyMap<string, readonly (string | readonly string[])[]> = new Map([
  ['kubernetes.io/dockercfg', ['.dockercfg']],
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/basic-auth', [['username', 'password']]],
  ['kubernetes.io/ssh-auth', ['ssh-privatekey']],
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
]);
const JSON_KEYS = ['.dockercfg', '.dockerconfigjson'];
/** Secrets that hold a token of a ServiceAccount. */
export const TOKEN_TYPE = 'kubernetes.io/service-account-token';
/** On such a Secret: whose token it is. */
export const ACCOUNT_NAME = 'kubernetes.io/service-account.name';
/** On such a Secret: which account of that name. */
export const ACCOUNT_UID = 'kubernetes.io/service-account.uid';
const IMMUTABLE = 'field is immutable when `immutable` is set';

const strategy: Strategy = {
  nameRule: 'DNS1123Subdomain',
  allowUnconditionalUpdate: true,
  tracksGeneration: false,
  prepareForCreate: tidySecret,
  prepareForUpdate: tidySecret,
  validate(object) {
    const data = membersOf(object, 'data');
    return [
      ...unqualifiedFinalizers('metadata.finalizers', textsAt(metaOf(object), 'finalizers')),
      ...dataKeyErrors('data', data),
      ...sizeErrors('data', {}, data),
      ...typeErrors(object, data),
    ];
  },
  validateUpdate(object, old) {
    const errors: FieldError[] = [];
    const type = textAt(object, 'type');
    if (type !== textAt(old, 'type')) errors.push(invalidValue('type', type, 'field is immutable'));
    if (old['immutable'] !== true) return errors;
    if (object['immutable'] !== true) errors.push(forbiddenValue('immutable', IMMUTABLE));
    if (!equalJson(membersOf(object, 'data'), membersOf(old, 'data'))) errors.push(forbiddenValue('data', IMMUTABLE));
    return errors;
  },
};

/** stringData is for writing: its values go to data and it is never stored. No type is the type of any data. */
function tidySecret(object: JsonObject): void {
  joinBase64(object, 'data');
  if (object['type'] === '') object['type'] = 'Opaque';
  const plain = objectAt(object, 'stringData');
  Reflect.deleteProperty(object, 'stringData');
  if (plain === undefined) return;
  const data = { ...membersOf(object, 'data') };
  for (const [key, value] of Object.entries(plain)) {
    if (typeof value === 'string') data[key] = Buffer.from(value).toString('base64');
  }
  if (Object.keys(data).length > 0) object['data'] = data;
}

function typeErrors(object: JsonObject, data: JsonObject): FieldError[] {
  const type = textAt(object, 'type');
  if (type === TOKEN_TYPE) {
    const account = textAt(objectAt(metaOf(object), 'annotations'), ACCOUNT_NAME);
    return account === '' ? [requiredValue(`metadata.annotations[${ACCOUNT_NAME}]`)] : [];
  }
  const errors: FieldError[] = [];
  for (const wanted of REQUIRED_KEYS.get(type) ?? []) {
    const keys = typeof wanted === 'string' ? [wanted] : wanted;
    if (!keys.some((key) => isGiven(type, data[key]))) errors.push(...keys.map((key) => requiredValue(`data[${key}]`)));
    else errors.push(...keys.flatMap((key) => jsonErrors(key, data)));
  }
  return errors;
}

/** A private key must not be empty; of the others it is enough that they are there. */
function isGiven(type: string, value: JsonValue | undefined): boolean {
  return value !== undefined && (value !== '' || type !== 'kubernetes.io/ssh-auth');
}

function jsonErrors(key: string, data: JsonObject): FieldError[] {
  const value = data[key];
  if (!JSON_KEYS.includes(key) || typeof value !== 'string') return [];
  try {
    JSON.parse(Buffer.from(value, 'base64').toString());
    return [];
  } catch (error) {
    // the parser's message would show the secret
    if (error instanceof SyntaxError)
      return [invalidValue(`data[${key}]`, '<secret contents redacted>', 'must be JSON')];
    throw error;
  }
}

/** core/v1 Secret. */
export const secrets: BuiltinDefinition = {
  group: '',
  version: 'v1',
  names: namesOf('Secret', 'secrets'),
  namespaced: true,
  component: 'io.k8s.api.core.v1.Secret',
  strategy,
  selectableFields: (object) => ({ type: textAt(object, 'type') }),
  columns: [
    { name: 'Type', type: 'string', description: 'What the data is for.', jsonPath: '.type' },
    {
      name: 'Data',
      type: 'string',
      description: 'Number of keys.',
      cell: (object) => Object.keys(membersOf(object, 'data')).length,
    },
    AGE,
  ],
};
