import { equalJson } from '../codec/json.ts';
import type { FieldError } from '../schema/fieldErrors.ts';
import { metaOf, textsAt } from '../registry/object.ts';
import type { Strategy } from '../registry/resource.ts';
import { AGE, namesOf, type BuiltinDefinition } from './definition.ts';
import {
  dataKeyErrors,
  forbiddenValue,
  invalidValue,
  joinBase64,
  membersOf,
  sizeErrors,
  unqualifiedFinalizers,
} from './fieldChecks.ts';

const IMMUTABLE = 'field is immutable when `immutable` is set';

const strategy: Strategy = {
  nameRule: 'DNS1123Subdomain',
  allowUnconditionalUpdate: true,
  tracksGeneration: false,
  prepareForCreate: (object) => joinBase64(object, 'binaryData'),
  prepareForUpdate: (object) => joinBase64(object, 'binaryData'),
  validate(object) {
    const data = membersOf(object, 'data');
    const binary = membersOf(object, 'binaryData');
    const twice = Object.keys(binary).filter((key) => Object.hasOwn(data, key));
    return [
      ...unqualifiedFinalizers('metadata.finalizers', textsAt(metaOf(object), 'finalizers')),
      ...dataKeyErrors('data', data),
      ...dataKeyErrors('binaryData', binary),
      ...twice.map((key) => invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData')),
      ...sizeErrors('[]', data, binary),
    ];
  },
  validateUpdate(object, old) {
    if (old['immutable'] !== true) return [];
    const errors: FieldError[] = [];
    if (object['immutable'] !== true) errors.push(forbiddenValue('immutable', IMMUTABLE));
    for (const member of ['data', 'binaryData']) {
      if (!equalJson(membersOf(object, member), membersOf(old, member))) errors.push(forbiddenValue(member, IMMUTABLE));
    }
    return errors;
  },
};

/** core/v1 ConfigMap. */
export const configMaps: BuiltinDefinition = {
  group: '',
  version: 'v1',
  names: namesOf('ConfigMap', 'configmaps', ['cm']),
  namespaced: true,
  component: 'io.k8s.api.core.v1.ConfigMap',
  strategy,
  columns: [
    {
      name: 'Data',
      type: 'string',
      description: 'Number of keys.',
      cell: (object) =>
        Object.keys(membersOf(object, 'data')).length + Object.keys(membersOf(object, 'binaryData')).length,
    },
    AGE,
  ],
};
