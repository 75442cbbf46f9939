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
  const errors: FieldError[] = [];
  const dryRun = query.getAll('dryRun').filter((value) => value !== '');
  if (dryRun.some((value) => value !== 'All')) {
    errors.push({
      type: 'FieldValueNotSupported',
      field: 'dryRun',
      badValue: dryRun,
      detail: 'supported values: "All"',
    });
  }
  const manager = query.get('fieldManager') ?? '';
  const managerError = manager === '' ? undefined : checkFieldManager(manager);
  if (managerError !== undefined) {
    errors.push({ type: 'FieldValueInvalid', field: 'fieldManager', badValue: manager, detail: managerError });
  }
  const validation = query.get('fieldValidation') ?? '';
  const known = VALIDATIONS.find((value) => value === validation);
  if (validation !== '' && known === undefined) {
    errors.push({
      type: 'FieldValueNotSupported',
      field: 'fieldValidation',
      badValue: validation,
      detail: 'supported values: "Ignore", "Strict", "Warn"',
    });
  }
  if (query.has('force')) throw badRequest('force is only allowed with apply patches');
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind, name: '' }, errors);
  return {
    dryRun: dryRun.length > 0,
    manager: fieldManagerOf(manager === '' ? undefined : manager, userAgent),
    validation: known ?? 'Warn',
  };
}
