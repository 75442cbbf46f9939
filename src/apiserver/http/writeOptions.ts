import type { FieldValidation } from '../registry/call.ts';
import { checkFieldManager, fieldManagerOf } from '../fields/managedFields.ts';
import type { FieldError } from '../schema/fieldErrors.ts';
import { badRequest, invalid } from './status.ts';

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
 * @throws ApiError 400, 422.
 */
export function readWriteOptions(query: URLSearchParams, userAgent: string | undefined, kind: string): WriteOptions {
  const dryRun = query.getAll('dryRun').filter((value) => value !== '');
  const manager = query.get('fieldManager') ?? '';
  const validation = query.get('fieldValidation') ?? '';
  const known = VALIDATIONS.find((value) => value === validation);
  if (query.has('force')) throw badRequest('force is only allowed with apply patches');
  const errors = [
    ...(dryRun.some((value) => value !== 'All') ? [notSupported('dryRun', dryRun.join(','), '"All"')] : []),
    ...managerErrors(manager),
    ...(validation !== '' && known === undefined
      ? [notSupported('fieldValidation', validation, '"Ignore", "Strict", "Warn"')]
      : []),
  ];
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind, name: '' }, errors);
  return {
    dryRun: dryRun.length > 0,
    manager: fieldManagerOf(manager === '' ? undefined : manager, userAgent),
    validation: known ?? 'Warn',
  };
}

function managerErrors(manager: string): FieldError[] {
  const problem = manager === '' ? undefined : checkFieldManager(manager);
  return problem === undefined
    ? []
    : [{ type: 'FieldValueInvalid', field: 'fieldManager', badValue: manager, detail: problem }];
}

function notSupported(field: string, badValue: string, supported: string): FieldError {
  return { type: 'FieldValueNotSupported', field, badValue, detail: `supported values: ${supported}` };
}
