import type { JsonObject } from '../codec/json.ts';
import type { FieldValidation } from '../registry/call.ts';
import { fieldManagerOf } from '../fields/managedFields.ts';
import { forbidden, notSupported, required, type FieldError } from '../schema/fieldErrors.ts';
import { checkManagerName } from '../schema/managedFieldsMeta.ts';
import { invalid, type ApiError } from './status.ts';

/** What the options of a write are called. */
export type WriteKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'ApplyOptions' | '';

/** Query parameters that every write may carry. */
export interface WriteOptions {
  dryRun: boolean;
  manager: string;
  validation: FieldValidation;
  /** As the client said them: without what the server takes in place of what is not there. */
  options: JsonObject;
}

const VALIDATIONS: readonly FieldValidation[] = ['Strict', 'Warn', 'Ignore'];

/**
 * Reads dryRun, fieldManager and fieldValidation.
 * @param kind  What is written, as errors name it; `ApplyOptions` are PatchOptions with a manager that must be named.
 * @throws ApiError 422.
 */
export function readWriteOptions(query: URLSearchParams, userAgent: string | undefined, kind: WriteKind): WriteOptions {
  const dryRun = query.getAll('dryRun');
  const manager = query.get('fieldManager') ?? '';
  const validation = query.get('fieldValidation') ?? '';
  const isDry = dryRun.length > 0;
  const known = VALIDATIONS.find((value) => value === validation);
  const errors = [
    ...patchErrors(query, kind),
    ...(dryRun.some((value) => value !== 'All') ? [notSupported('dryRun', dryRun, ['All'])] : []),
    ...checkManagerName(manager, 'fieldManager'),
    ...(validation !== '' && known === undefined
      ? [notSupported('fieldValidation', validation, ['', 'Ignore', 'Strict', 'Warn'])]
      : []),
  ];
  if (errors.length > 0) throw refusal(kind, errors);
  return {
    dryRun: isDry,
    manager: fieldManagerOf(manager === '' ? undefined : manager, userAgent),
    validation: known ?? 'Warn',
    options: { ...givenTexts({ fieldManager: manager, fieldValidation: validation }), ...(isDry ? { dryRun } : {}) },
  };
}

function givenTexts(texts: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ''));
}

function refusal(kind: WriteKind, errors: readonly FieldError[]): ApiError {
  return invalid({ group: 'meta.k8s.io', kind: kind === 'ApplyOptions' ? 'PatchOptions' : kind, name: '' }, errors);
}

/** Creations and updates know no `force`, and pass over it. */
function patchErrors(query: URLSearchParams, kind: WriteKind): FieldError[] {
  if (kind === 'PatchOptions' && query.has('force')) {
    return [forbidden('force', 'may not be specified for non-apply patch')];
  }
  if (kind !== 'ApplyOptions' || (query.get('fieldManager') ?? '') !== '') return [];
  return [required('fieldManager', 'is required for apply patch')];
}

/** `force` of an apply: take fields from other managers. Given without a value it is true, as kube-apiserver has it. */
export function readForce(query: URLSearchParams): boolean {
  const force = query.get('force');
  return force !== null && force !== '0' && force.toLowerCase() !== 'false';
}
