import type { JsonObject } from '../codec/json.ts';
import type { FieldError } from './fieldErrors.ts';
import type { StructuralNode } from './structural.ts';

/** What {@link ResourceSchema.admitRequest} found. */
export interface Normalized {
  /** Paths that pruning removed; what fieldValidation=Strict refuses and Warn reports (`unknown field "spec.x"`). */
  unknownFields: string[];
  /** Malformed metadata: answer 400 BadRequest with this text, when set. */
  metadataError: string | undefined;
}

/**
 * A schema made ready for use: everything that happens to one object between decoding and storing it.
 * For CustomResourceDefinition versions and, with the schema of their OpenAPI document, for built-in kinds.
 * The `admit…` functions change the object in place; none of them looks at apiVersion or kind.
 */
export interface ResourceSchema {
  readonly root: StructuralNode;
  /** A client's object: coerces metadata, prunes unknown fields, drops nulls, fills in defaults. */
  admitRequest(object: JsonObject): Normalized;
  /** An object read from storage (or handed on by admission): drops malformed metadata, prunes, fills in defaults. */
  admitStored(object: JsonObject): void;
  /** Schema, embedded metadata, list sets and maps, then CEL rules. [] = valid. */
  validateCreate(object: JsonObject): FieldError[];
  /** As validateCreate with transition rules; what was already wrong in an unchanged part of `old` is not reported. */
  validateUpdate(object: JsonObject, old: JsonObject): FieldError[];
}

/**
 * Compiles an `openAPIV3Schema` (references must be resolved). `undefined` = no schema: everything is kept.
 *
 * Assumes a valid structural schema; what {@link validateCustomResourceDefinition} would refuse is ignored as far as
 * possible and never throws: a rule that does not compile makes every validation report it.
 * @param options.preserveUnknownFields  The CRD's `spec.preserveUnknownFields`; true turns pruning off.
 */
export function compileStructuralSchema(
  openAPIV3Schema: JsonObject | undefined,
  options: { preserveUnknownFields?: boolean } = {},
): ResourceSchema {
  throw new Error(`not implemented: ${typeof openAPIV3Schema} ${String(options.preserveUnknownFields)}`);
}
