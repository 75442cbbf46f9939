import { cloneJson, type JsonObject } from '../codec/json.ts';
import { compileRules } from './cel/ruleSet.ts';
import type { RuleSet } from './cel/ruleSet.ts';
import { checkValue } from './check.ts';
import { compileCheck } from './checkNode.ts';
import type { CheckNode } from './checkNode.ts';
import { coerceMetadata } from './coerceMeta.ts';
import type { Correlated } from './correlate.ts';
import { applyDefaults, dropNulls } from './defaults.ts';
import { checkEmbedded, hasEmbedded } from './embeddedMeta.ts';
import { invalid } from './fieldErrors.ts';
import type { FieldError } from './fieldErrors.ts';
import { checkListTypes, checkListTypesUpdate } from './listTypes.ts';
import { prune } from './prune.ts';
import { parseStructural } from './structural.ts';
import type { StructuralNode } from './structural.ts';

/** What {@link ResourceSchema.admitRequest} found. */
export interface Normalized {
  /** Paths that pruning removed; what fieldValidation=Strict refuses and Warn reports (`unknown field "spec.x"`). */
  unknownFields: string[];
  /** What cannot be understood (malformed metadata, a value of the wrong type): answer 400 with this text, when set. */
  malformed: string | undefined;
}

/**
 * A schema made ready for use: everything that happens to one object between decoding and storing it.
 * For CustomResourceDefinition versions and, with the schema of their OpenAPI document, for built-in kinds.
 * The `admit…` functions change the object in place; none of them looks at apiVersion or kind.
 */
export interface ResourceSchema {
  readonly root: StructuralNode;
  /**
   * A client's object: coerces metadata, prunes unknown fields, drops nulls, fills in defaults.
   * @param old  An object that was admitted: the nodes that `object` shares with it at the same place are neither looked
   *   into nor changed. `object` itself is not shared.
   */
  admitRequest(object: JsonObject, old?: JsonObject): Normalized;
  /** An object read from storage: drops malformed metadata, prunes, fills in defaults. */
  admitStored(object: JsonObject): void;
  /** An object that came from another version of its kind, which gave it its defaults: prunes. */
  admitConverted(object: JsonObject): void;
  /** Schema, embedded metadata, list sets and maps, then CEL rules. [] = valid. */
  validateCreate(object: JsonObject): FieldError[];
  /** As validateCreate with transition rules; what was already wrong in an unchanged part of `old` is not reported. */
  validateUpdate(object: JsonObject, old: JsonObject): FieldError[];
}

/** Errors that make the values unfit for rules, which expect what the schema promises. */
const BLOCKING: ReadonlySet<FieldError['type']> = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);
const NOT_CHECKED =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
const ANYTHING: JsonObject = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/**
 * Compiles an `openAPIV3Schema` (references must be resolved). `undefined` = no schema: everything is kept.
 *
 * Assumes a valid structural schema; what {@link validateCustomResourceDefinition} would refuse is ignored as far as
 * possible and never throws: a rule that does not compile makes every validation report it.
 * @param options.preserveUnknownFields  The CRD's `spec.preserveUnknownFields`; true turns pruning off.
 * @param options.allowRepeated  Sets and maps may have an item twice: of built-in kinds, each says itself which may not.
 */
export function compileStructuralSchema(
  openAPIV3Schema: JsonObject | undefined,
  options: SchemaOptions = {},
): ResourceSchema {
  return new CompiledSchema(openAPIV3Schema ?? ANYTHING, options);
}

interface SchemaOptions {
  preserveUnknownFields?: boolean;
  allowRepeated?: boolean;
}

class CompiledSchema implements ResourceSchema {
  readonly root: StructuralNode;
  readonly #check: CheckNode;
  readonly #rules: RuleSet | undefined;
  readonly #preserve: boolean;
  readonly #allowRepeated: boolean;

  constructor(source: JsonObject, { preserveUnknownFields = false, allowRepeated = false }: SchemaOptions) {
    this.root = parseStructural(source);
    this.#check = compileCheck(source);
    this.#rules = compileRules(this.root);
    this.#preserve = preserveUnknownFields;
    this.#allowRepeated = allowRepeated;
  }

  admitRequest(object: JsonObject, old?: JsonObject): Normalized {
    const coerced = coerceMetadata(object, this.root, { dropMalformed: false, old });
    const unknown = this.#shape(object, old);
    this.#fillIn(object, old);
    return { unknownFields: [...unknown, ...coerced.unknown].sort(), malformed: coerced.error };
  }

  admitStored(object: JsonObject): void {
    this.admitConverted(object);
    this.#fillIn(object);
  }

  admitConverted(object: JsonObject): void {
    coerceMetadata(object, this.root, { dropMalformed: true });
    this.#shape(object, undefined);
  }

  validateCreate(object: JsonObject): FieldError[] {
    const errors = [
      ...checkValue(object, this.#check),
      ...checkEmbedded(object, this.root),
      ...(this.#allowRepeated ? [] : checkListTypes(object, this.root)),
    ];
    return this.#withRules(errors, object);
  }

  validateUpdate(object: JsonObject, old: JsonObject): FieldError[] {
    // where nothing is pruned, the very same node may hold members without a schema, which count as changed
    const pair: Correlated = { value: object, old: this.#preserve ? cloneJson(old) : old, node: this.root };
    const errors = [
      ...checkValue(object, this.#check, pair),
      ...checkEmbedded(object, this.root),
      ...(this.#allowRepeated ? [] : checkListTypesUpdate(object, old, this.root)),
    ];
    return this.#withRules(errors, object, pair);
  }

  #fillIn(object: JsonObject, old?: JsonObject): void {
    applyDefaults(object, this.root, old);
    // a default may be metadata with members that there are not
    if (hasEmbedded(this.root)) coerceMetadata(object, this.root, { dropMalformed: false, old });
  }

  #shape(object: JsonObject, old: JsonObject | undefined): string[] {
    if (this.#preserve) return [];
    const unknown = prune(object, this.root, old);
    dropNulls(object, this.root, old);
    return unknown;
  }

  #withRules(errors: FieldError[], object: JsonObject, pair?: Correlated): FieldError[] {
    if (this.#rules === undefined) return errors;
    if (errors.some((error) => BLOCKING.has(error.type)))
      return [...errors, { ...invalid('', '', NOT_CHECKED), badValue: null }];
    return [...errors, ...this.#rules.evaluate(object, pair)];
  }
}
