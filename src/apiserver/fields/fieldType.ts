import { isJsonObject, member } from '../codec/json.ts';
import type { JsonValue } from '../codec/json.ts';
import { parseStructural } from '../schema/structural.ts';
import type { StructuralNode } from '../schema/structural.ts';
import { keyElement, valueElement } from './pathElement.ts';

/** What a value can be, and how its parts are owned: all that ownership and merging need of a schema. */
export class FieldType {
  /** `any`: whatever the value is. */
  readonly shape: 'map' | 'list' | 'scalar' | 'any';
  readonly scalar: 'numeric' | 'string' | 'boolean' | 'untyped';
  /** The map is one field, whose parts have no owners of their own. */
  readonly isAtomicMap: boolean;
  /** As isAtomicMap; true for every list that is neither a set nor a map by keys. */
  readonly isAtomicList: boolean;
  /** Named fields: who owns one does not own the map that it is in. */
  readonly members: ReadonlyMap<string, FieldType>;
  /** Type of members that have no name here; undefined = there may be none. */
  readonly others: FieldType | undefined;
  readonly items: FieldType | undefined;
  /** Members that tell the items of a list apart; [] = a set. */
  readonly keys: readonly string[];
  readonly default: JsonValue | undefined;
  /** null is a value; elsewhere it is as good as nothing (Go writes it for lists that are not there). */
  readonly isNullable: boolean;

  /** @param preserves  A node above keeps unknown fields, so that this one does, too. */
  constructor(node: StructuralNode, preserves: boolean) {
    const keeps = preserves || node.preserveUnknownFields;
    const { additionalProperties, items, listType } = node;
    this.shape = SHAPES[node.type];
    this.scalar = scalarOf(node);
    this.isAtomicMap = node.mapType === 'atomic';
    this.isAtomicList = listType !== 'set' && listType !== 'map';
    this.members = membersOf(node, keeps);
    if (typeof additionalProperties === 'object') this.others = new FieldType(additionalProperties, keeps);
    else if (additionalProperties ?? keepsOthers(node, keeps)) this.others = node === ANYTHING ? this : DEDUCED;
    this.items = items === undefined ? undefined : new FieldType(items, keeps);
    this.keys = listType === 'map' ? node.listMapKeys : [];
    this.default = node.default;
    this.isNullable = node.nullable || node.type === '';
  }

  /** Type of the member `key` of a map. */
  member(key: string): FieldType {
    return this.members.get(key) ?? this.others ?? DEDUCED;
  }

  /** Type of the items of a list. */
  get item(): FieldType {
    return this.items ?? DEDUCED;
  }

  /** What `value` counts as. null is a map, where it may be one. */
  shapeOf(value: JsonValue): 'map' | 'list' | 'scalar' {
    if (this.shape !== 'any') return this.shape;
    if (Array.isArray(value)) return 'list';
    return typeof value === 'object' ? 'map' : 'scalar';
  }

  /** Path element of an item of a set or a list by keys; undefined when it has none. */
  elementOf(item: JsonValue): string | undefined {
    if (this.keys.length === 0) return typeof item === 'object' ? undefined : valueElement(item);
    if (!isJsonObject(item)) return undefined;
    const keys: [string, JsonValue][] = [];
    for (const key of this.keys) {
      const value = member(item, key) ?? this.items?.members.get(key)?.default;
      if (value !== undefined) keys.push([key, value]);
    }
    return keys.length === 0 ? undefined : keyElement(keys);
  }
}

const SHAPES = {
  '': 'any',
  object: 'map',
  array: 'list',
  string: 'scalar',
  integer: 'scalar',
  number: 'scalar',
  boolean: 'scalar',
} as const;

function scalarOf({ type, source }: StructuralNode): FieldType['scalar'] {
  if (type === 'integer' || type === 'number') return 'numeric';
  if (type === 'boolean') return 'boolean';
  // formats are not looked at here: a time may be written in any way
  const isPlain = type === 'string' && ['', 'byte', undefined].includes(source['format'] as string | undefined);
  return isPlain ? 'string' : 'untyped';
}

/** A map without named members takes every name. */
function keepsOthers({ properties }: StructuralNode, keeps: boolean): boolean {
  return keeps || properties.size === 0;
}

function membersOf(node: StructuralNode, preserves: boolean): ReadonlyMap<string, FieldType> {
  const members = new Map<string, FieldType>();
  for (const [key, property] of node.properties) members.set(key, new FieldType(property, preserves));
  if (node.embeddedResource) addResourceMembers(members);
  return members;
}

/** apiVersion, kind and metadata of a whole object, which no custom schema describes. */
function addResourceMembers(members: Map<string, FieldType>): void {
  members.set('apiVersion', TEXT).set('kind', TEXT).set('metadata', OBJECT_META);
}

const text = { type: 'string' };
const texts = { type: 'object', additionalProperties: text };

const ANYTHING = parseStructural({});
/** What there is no schema for: maps are granular, lists atomic. */
export const DEDUCED = new FieldType(ANYTHING, false);
const TEXT = new FieldType(parseStructural(text), false);
/** metadata of every object. */
const OBJECT_META = new FieldType(
  parseStructural({
    type: 'object',
    properties: {
      name: text,
      generateName: text,
      namespace: text,
      selfLink: text,
      uid: text,
      resourceVersion: text,
      generation: { type: 'integer' },
      creationTimestamp: { type: 'string', format: 'date-time' },
      deletionTimestamp: { type: 'string', format: 'date-time' },
      deletionGracePeriodSeconds: { type: 'integer' },
      labels: texts,
      annotations: texts,
      finalizers: { type: 'array', 'x-kubernetes-list-type': 'set', items: text },
      ownerReferences: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['uid'],
        items: {
          type: 'object',
          'x-kubernetes-map-type': 'atomic',
          properties: {
            apiVersion: text,
            kind: text,
            name: text,
            uid: { ...text, default: '' },
            controller: { type: 'boolean' },
            blockOwnerDeletion: { type: 'boolean' },
          },
        },
      },
      managedFields: { type: 'array', items: { type: 'object' } },
    },
  }),
  false,
);

const known = new WeakMap<StructuralNode, FieldType>();

/** The type of a whole object with schema `root`; undefined = no schema. */
export function fieldTypeOf(root: StructuralNode | undefined): FieldType {
  const node = root ?? ANYTHING;
  let type = known.get(node);
  if (type === undefined) {
    type = new FieldType({ ...node, embeddedResource: true }, false);
    known.set(node, type);
  }
  return type;
}
