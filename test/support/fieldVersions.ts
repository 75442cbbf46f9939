import { fieldTypeOf } from '../../src/apiserver/fields/fieldType.ts';
import type { FieldVersions } from '../../src/apiserver/fields/fieldVersions.ts';
import type { StructuralNode } from '../../src/apiserver/schema/structural.ts';

/** A kind of one version. `isRevised`: the schema may have been another when the object was stored. */
export function versionsOf(apiVersion: string, root: StructuralNode | undefined, isRevised = false): FieldVersions {
  const version = { type: fieldTypeOf(root), isRevised, to: <T>(object: T) => object, from: <T>(object: T) => object };
  return (asked) => (asked === apiVersion ? version : undefined);
}
