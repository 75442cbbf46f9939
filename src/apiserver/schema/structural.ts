import type { JsonObject, JsonValue } from '../codec/json.ts';

/** One node of a structural schema: what pruning, defaulting, validation, CEL and managedFields walk. */
export interface StructuralNode {
  /** '' only below int-or-string or preserve-unknown. */
  type: '' | 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  nullable: boolean;
  /** undefined = no default. */
  default: JsonValue | undefined;
  properties: ReadonlyMap<string, StructuralNode>;
  items: StructuralNode | undefined;
  /** A schema for every key that `properties` does not name; true = anything. */
  additionalProperties: StructuralNode | boolean | undefined;
  preserveUnknownFields: boolean;
  embeddedResource: boolean;
  intOrString: boolean;
  listType: 'atomic' | 'set' | 'map' | undefined;
  listMapKeys: readonly string[];
  mapType: 'atomic' | 'granular' | undefined;
  /** The node as it was written: validation keywords, rules, title, description. */
  source: JsonObject;
}
