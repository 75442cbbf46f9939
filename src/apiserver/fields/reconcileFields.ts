import { childrenOf, EMPTY, elementSet, isEmptySet, isMember } from './fieldSet.ts';
import type { FieldSet } from './fieldSet.ts';
import { DEDUCED, type FieldType } from './fieldType.ts';

/**
 * `fields` as they have to be when the schema has changed since they were written: who owned parts of a map or list that
 * is one field now owns that field. `fields` itself when there is nothing to change. What became granular is left as it
 * is: who owned the whole owns the map or list, but none of its parts.
 */
export function reconcileFields(fields: FieldSet, type: FieldType): FieldSet {
  const reconciled: Record<string, FieldSet> = {};
  let isChanged = false;
  for (const element of Object.keys(fields)) {
    const below = fields[element] ?? EMPTY;
    const kept = element === '.' ? below : reconcileBelow(below, typeOf(element, type));
    reconciled[element] = kept;
    isChanged ||= kept !== below;
  }
  return isChanged ? reconciled : fields;
}

function reconcileBelow(below: FieldSet, type: FieldType | undefined): FieldSet {
  if (type === undefined || isEmptySet(below) || isFree(type)) return below;
  if (type.shape === 'list' ? type.isAtomicList : type.isAtomicMap) return EMPTY;
  const children = childrenOf(below);
  const reconciled = reconcileFields(children, type);
  return reconciled === children ? below : (elementSet(isMember(below), reconciled) ?? EMPTY);
}

/** A map of whatever there is: its schema says nothing. */
function isFree({ shape, members, others }: FieldType): boolean {
  if (shape === 'any') return true;
  return shape === 'map' && members.size === 0 && (others === DEDUCED || others?.scalar === 'untyped');
}

function typeOf(element: string, type: FieldType): FieldType | undefined {
  if (type.shape === 'list') return type.item;
  return element.startsWith('f:') ? (type.members.get(element.slice(2)) ?? type.others) : undefined;
}
