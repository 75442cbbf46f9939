import { isJsonObject, member } from '../codec/json.ts';
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

const TYPES = ['object', 'array', 'string', 'integer', 'number', 'boolean'] as const;
const LIST_TYPES = ['atomic', 'set', 'map'] as const;
const MAP_TYPES = ['atomic', 'granular'] as const;

/** Reads an OpenAPI v3 schema whose references are resolved; what is malformed counts as absent. */
export function parseStructural(source: JsonObject): StructuralNode {
  const additional = member(source, 'additionalProperties');
  const items = member(source, 'items');
  const keys = member(source, 'x-kubernetes-list-map-keys');
  return {
    type: oneOf(TYPES, member(source, 'type')) ?? '',
    nullable: source['nullable'] === true,
    default: member(source, 'default') ?? undefined,
    properties: parseProperties(member(source, 'properties')),
    items: isJsonObject(items) ? parseStructural(items) : undefined,
    additionalProperties: isJsonObject(additional) ? parseStructural(additional) : asBoolean(additional),
    preserveUnknownFields: source['x-kubernetes-preserve-unknown-fields'] === true,
    embeddedResource: source['x-kubernetes-embedded-resource'] === true,
    intOrString: source['x-kubernetes-int-or-string'] === true,
    listType: oneOf(LIST_TYPES, member(source, 'x-kubernetes-list-type')),
    listMapKeys: Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [],
    mapType: oneOf(MAP_TYPES, member(source, 'x-kubernetes-map-type')),
    source,
  };
}

/** The schema of member `key` of an object with schema `node`. */
export function childNode(node: StructuralNode | undefined, key: string): StructuralNode | undefined {
  if (node === undefined) return undefined;
  const { additionalProperties } = node;
  return node.properties.get(key) ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined);
}

function parseProperties(properties: JsonValue | undefined): ReadonlyMap<string, StructuralNode> {
  if (!isJsonObject(properties)) return NO_PROPERTIES;
  return new Map(
    Object.entries(properties).map(([key, schema]) => [key, parseStructural(isJsonObject(schema) ? schema : {})]),
  );
}

const NO_PROPERTIES: ReadonlyMap<string, StructuralNode> = new Map();

function oneOf<T extends string>(allowed: readonly T[], value: JsonValue | undefined): T | undefined {
  return allowed.find((candidate) => candidate === value);
}

function asBoolean(value: JsonValue | undefined): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}
