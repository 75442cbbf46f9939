import { isJsonObject } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { goJsonType, goQuote } from './goText.ts';

/** The type of one field of metadata: what Go's ObjectMeta can hold. */
type Shape =
  | { kind: 'string' | 'boolean' | 'integer' | 'time' | 'any' | 'anyObject' }
  | { kind: 'map' }
  | { kind: 'list'; item: Shape }
  | { kind: 'object'; name: string; fields: Readonly<Record<string, Shape>> };

const TEXT: Shape = { kind: 'string' };
const TIME: Shape = { kind: 'time' };
const FLAG: Shape = { kind: 'boolean' };
const MAP: Shape = { kind: 'map' };

/** ObjectMeta of apimachinery v0.35. */
export const OBJECT_META: Shape = {
  kind: 'object',
  name: 'ObjectMeta',
  fields: {
    name: TEXT,
    generateName: TEXT,
    namespace: TEXT,
    selfLink: TEXT,
    uid: TEXT,
    resourceVersion: TEXT,
    generation: { kind: 'integer' },
    creationTimestamp: TIME,
    deletionTimestamp: TIME,
    deletionGracePeriodSeconds: { kind: 'integer' },
    labels: MAP,
    annotations: MAP,
    finalizers: { kind: 'list', item: TEXT },
    ownerReferences: {
      kind: 'list',
      item: {
        kind: 'object',
        name: 'OwnerReference',
        fields: { apiVersion: TEXT, kind: TEXT, name: TEXT, uid: TEXT, controller: FLAG, blockOwnerDeletion: FLAG },
      },
    },
    managedFields: {
      kind: 'list',
      item: {
        kind: 'object',
        name: 'ManagedFieldsEntry',
        fields: {
          manager: TEXT,
          operation: TEXT,
          apiVersion: TEXT,
          time: TIME,
          fieldsType: TEXT,
          fieldsV1: { kind: 'anyObject' },
          subresource: TEXT,
        },
      },
    },
  },
};

/** What a value that does not fit its shape does: stop everything, or only lose the field. */
export interface ShapeVisitor {
  /** A field that ObjectMeta does not have; it has been removed. */
  unknown(path: string): void;
  /** A value of the wrong type. */
  malformed(message: string): void;
}

/**
 * Brings `object` into `shape` in place: removes unknown fields and nulls.
 * @param path  Path of `object`, `metadata`.
 */
export function fitShape(object: JsonObject, shape: Shape, path: string, visitor: ShapeVisitor): void {
  if (shape.kind !== 'object') return;
  for (const key of Object.keys(object)) {
    const field = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
    const where = `${path}.${key}`;
    if (field === undefined) {
      visitor.unknown(where);
      Reflect.deleteProperty(object, key);
    } else if (object[key] === null) Reflect.deleteProperty(object, key);
    else fitValue(object[key] ?? null, field, { path: where, goName: `${shape.name}.${key}`, visitor });
  }
}

interface Place {
  path: string;
  goName: string;
  visitor: ShapeVisitor;
}

function fitValue(value: JsonValue, shape: Shape, place: Place): void {
  switch (shape.kind) {
    case 'any':
      return;
    case 'object':
      if (isJsonObject(value)) fitShape(value, shape, place.path, place.visitor);
      else place.visitor.malformed(mismatch(value, place, shape.name));
      return;
    case 'list':
      fitList(value, shape.item, place);
      return;
    case 'map':
      fitMap(value, place);
      return;
    default:
      fitScalar(value, shape.kind, place);
  }
}

function fitList(value: JsonValue, item: Shape, place: Place): void {
  if (!Array.isArray(value)) {
    place.visitor.malformed(mismatch(value, place, 'slice'));
    return;
  }
  value.forEach((entry, index) => fitValue(entry, item, { ...place, path: `${place.path}[${index}]` }));
}

function fitMap(value: JsonValue, place: Place): void {
  if (!isJsonObject(value)) {
    place.visitor.malformed(mismatch(value, place, 'map[string]string'));
    return;
  }
  for (const [key, entry] of Object.entries(value)) {
    if (entry === null) value[key] = '';
    else if (typeof entry !== 'string') place.visitor.malformed(mismatch(entry, place, 'string'));
  }
}

const GO_TYPES = { string: 'string', boolean: 'bool', integer: 'int64', time: 'Time', anyObject: 'FieldsV1' } as const;

function fitScalar(value: JsonValue, kind: keyof typeof GO_TYPES, place: Place): void {
  if (kind === 'time' && typeof value === 'string') {
    if (!isRfc3339(value)) {
      place.visitor.malformed(
        `parsing time ${goQuote(value)} as "2006-01-02T15:04:05Z07:00": cannot parse ${place.path} as an RFC 3339 time`,
      );
    }
    return;
  }
  const fits = {
    string: typeof value === 'string',
    boolean: typeof value === 'boolean',
    integer: typeof value === 'bigint' || Number.isInteger(value),
    time: false,
    anyObject: isJsonObject(value),
  };
  if (!fits[kind]) place.visitor.malformed(mismatch(value, place, GO_TYPES[kind]));
}

function mismatch(value: JsonValue, place: Place, goType: string): string {
  return `json: cannot unmarshal ${goJsonType(value)} into Go struct field ${place.goName} of type ${goType}`;
}

/** True for a time of RFC 3339 with seconds, an optional fraction and an offset. */
function isRfc3339(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));
}
