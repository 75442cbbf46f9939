import { z } from 'zod';
import type { KindDefinition } from './kind.ts';
import { GROUP, VERSION } from './meta.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = Record<string, Json>;

/**
 * The CustomResourceDefinition of a kind, ready to apply.
 * @throws Error  when the Zod schema says something a structural schema cannot carry (style.md 3.10).
 */
export function toCrd(kind: KindDefinition): JsonObject {
  const root = toStructural(
    z.toJSONSchema(kind.schema, { target: 'openapi-3.0', io: 'input', reused: 'inline' }),
    kind.kind,
  );
  if (kind.unseen !== undefined) setStatusDefault(root, kind.unseen as JsonObject);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        shortNames: [...kind.shortNames],
        categories: ['hostler'],
      },
      scope: 'Namespaced',
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { ...root, description: kind.description } },
          subresources: { status: {} },
          additionalPrinterColumns: kind.printerColumns.map((column) => ({ ...column })),
        },
      ],
    },
  };
}

function setStatusDefault(root: JsonObject, value: JsonObject): void {
  const { properties } = root;
  if (isObject(properties) && isObject(properties['status'])) properties['status']['default'] = value;
}

function toStructural(schema: unknown, path: string): JsonObject {
  if (!isObject(schema)) throw new Error(`${path}: not a schema`);
  if ('oneOf' in schema || 'allOf' in schema) throw new Error(`${path}: use optional members and a CEL rule`);
  if (schema['x-kubernetes-int-or-string'] === true) {
    return pick(schema, ['description', 'pattern', 'x-kubernetes-int-or-string']);
  }
  if ('anyOf' in schema) throw new Error(`${path}: unions are not structural`);
  if (schema['additionalProperties'] === false) throw new Error(`${path}: strictObject is not structural`);
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(schema)) {
    if (!dropped(schema, key, value)) result[key] = convertMember(key, value, path);
  }
  return result;
}

/** What Zod adds and a structural schema should not say. */
function dropped(schema: JsonObject, key: string, value: Json): boolean {
  switch (key) {
    case '$schema':
      return true;
    case 'pattern': // of date-time: the format says it
      return schema['format'] === 'date-time';
    case 'additionalProperties':
      return schema['x-kubernetes-preserve-unknown-fields'] === true;
    case 'properties':
      return isObject(value) && Object.keys(value).length === 0;
    case 'minimum':
    case 'maximum': // the safe integers: not a bound of ours
      return Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER;
    default:
      return false;
  }
}

function convertMember(key: string, value: Json, path: string): Json {
  if (key === 'properties' && isObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, toStructural(member, `${path}.${name}`)]),
    );
  }
  if (key === 'items') return toStructural(value, `${path}[]`);
  if (key === 'additionalProperties' && isObject(value)) return toStructural(value, `${path}{}`);
  return value;
}

function pick(schema: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => keys.includes(key)));
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
