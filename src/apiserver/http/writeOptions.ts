import type { FieldValidation } from '../registry/call.ts';
import { fieldManagerOf } from '../fields/managedFields.ts';
import { forbidden, notSupported, type FieldError } from '../schema/fieldErrors.ts';
import { checkManagerName } from '../schema/managedFieldsMeta.ts';
import { invalid } from './status.ts';

/** Query parameters that every write may carry. */
export interface WriteOptions {
  dryRun: boolean;
  manager: string;
  validation: FieldValidation;
}

const VALIDATIONS: readonly FieldValidation[] = ['Strict', 'Warn', 'Ignore'];

/**
 * Reads dryRun, fieldManager and fieldValidation.
 * @param kind  `CreateOptions`, `UpdateOptions` or `PatchOptions`, as errors name it.
 * @throws ApiError 422.
 */
export function readWriteOptions(query: URLSearchParams, userAgent: string | undefined, kind: string): WriteOptions {
  const dryRun = query.getAll('dryRun');
  const manager = query.get('fieldManager') ?? '';
  const validation = query.get('fieldValidation') ?? '';
  const known = VALIDATIONS.find((value) => value === validation);
  const errors = [
    ...forceErrors(query, kind),
    ...(dryRun.some((value) => value !== 'All') ? [notSupported('dryRun', dryRun, ['All'])] : []),
    ...checkManagerName(manager, 'fieldManager'),
    ...(validation !== '' && known === undefined
      ? [notSupported('fieldValidation', validation, ['', 'Ignore', 'Strict', 'Warn'])]
      : []),
  ];
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind, name: '' }, errors);
  return {
    dryRun: dryRun.length > 0,
    manager: fieldManagerOf(manager === '' ? undefined : manager, userAgent),
    validation: known ?? 'Warn',
  };
}

/** Creations and updates know no `force`, and pass over it. */
function forceErrors(query: URLSearchParams, kind: string): FieldError[] {
  const isGiven = kind === 'PatchOptions' && query.has('force');
  return isGiven ? [forbidden('force', 'may not be specified for non-apply patch')] : [];
}
