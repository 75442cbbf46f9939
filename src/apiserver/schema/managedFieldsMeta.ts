import { isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { invalid, tooLong } from './fieldErrors.ts';
import type { FieldError } from './fieldErrors.ts';
import { isPrintable } from './goText.ts';
import { byteLength } from './names.ts';

const MAX_MANAGER_BYTES = 128;
const MAX_SUBRESOURCE_BYTES = 256;
/** Nearly all there are, and certainly printable. */
const PLAIN = /^[ -~]*$/;

/** Validates `metadata.managedFields`: operation, fieldsType, manager, subresource of every entry. */
export function checkManagedFields(entries: JsonValue | undefined, path: string): FieldError[] {
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry, index) => (isJsonObject(entry) ? checkEntry(entry, `${path}[${index}]`) : []));
}

/** Validates a field manager's name: at most 128 bytes, printable. */
export function checkManagerName(manager: string, path: string): FieldError[] {
  const errors = byteLength(manager) > MAX_MANAGER_BYTES ? [tooLong(path, MAX_MANAGER_BYTES)] : [];
  if (PLAIN.test(manager)) return errors;
  let position = 0;
  for (const char of manager) {
    if (!isPrintable(char)) {
      const code = `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
      errors.push(invalid(path, manager, `invalid character ${code} (at position ${position})`));
    }
    position += byteLength(char);
  }
  return errors;
}

function checkEntry(entry: JsonObject, path: string): FieldError[] {
  const operation = textOf(entry, 'operation');
  const fieldsType = textOf(entry, 'fieldsType');
  const errors: FieldError[] = [];
  if (operation !== 'Apply' && operation !== 'Update') {
    errors.push(invalid(`${path}.operation`, operation, 'must be `Apply` or `Update`'));
  }
  if (fieldsType !== '' && fieldsType !== 'FieldsV1') {
    errors.push(invalid(`${path}.fieldsType`, fieldsType, 'must be `FieldsV1`'));
  }
  errors.push(...checkManagerName(textOf(entry, 'manager'), `${path}.manager`));
  if (byteLength(textOf(entry, 'subresource')) > MAX_SUBRESOURCE_BYTES) {
    errors.push(tooLong(`${path}.subresource`, MAX_SUBRESOURCE_BYTES));
  }
  return errors;
}

function textOf(object: JsonObject, key: string): string {
  const value = member(object, key);
  return typeof value === 'string' ? value : '';
}
