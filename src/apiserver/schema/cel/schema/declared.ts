import type { JsonValue } from '../../../codec/json.ts';
import type { StructuralNode } from '../../structural.ts';
import * as types from '../types/type.ts';
import type { CelType } from '../types/type.ts';
import { escapeProperty } from './escape.ts';
import { withResourceMeta } from './resourceMeta.ts';

/**
 * What a schema says to rules: the type of its values, and how large they can be.
 * Source: k8s.io/apiserver pkg/cel/common/schemas.go.
 */
export interface Declared {
  /** @param name  What objects are called in error messages: where they stand. */
  type(name: string): CelType;
  /** Most items of a list, members of a map, bytes of a text; 0 for what has no length. */
  maxElements: number;
  /** Least bytes in JSON. */
  minBytes: number;
  /** Of objects, by escaped name. */
  fields?: ReadonlyMap<string, Declared>;
  /** Of lists and maps. */
  element?: Declared;
}

const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
const MAX_TIME_BYTES = 32;
const DATE_BYTES = 12;
const MIN_TIME_BYTES = 21;
const MIN_DURATION_BYTES = 3;

/** Of `node`; undefined when rules cannot see such values: those without a type. */
export function declare(node: StructuralNode, isResource: boolean): Declared | undefined {
  if (node.intOrString) return scalar(types.DYN, 1, lengthOf(node, 4) ?? MAX_REQUEST_BYTES - 2);
  switch (node.type) {
    case 'array':
      return declareList(node);
    case 'object':
      return declareObject(isResource ? withResourceMeta(node) : node);
    case 'string':
      return declareText(node);
    case 'boolean':
      return scalar(types.BOOL, 4);
    case 'number':
      return scalar(types.DOUBLE, 1);
    case 'integer':
      return scalar(types.INT, 1);
    default:
      return undefined;
  }
}

function scalar(type: CelType, minBytes: number, maxElements = 0): Declared {
  return { type: () => type, maxElements, minBytes };
}

function bound(node: StructuralNode, key: string): number | undefined {
  const value = node.source[key];
  return typeof value === 'number' ? Math.max(0, value) : undefined;
}

function lengthOf(node: StructuralNode, bytesPerCharacter: number): number | undefined {
  const length = bound(node, 'maxLength');
  return length === undefined ? undefined : length * bytesPerCharacter;
}

function declareList(node: StructuralNode): Declared | undefined {
  const element = node.items && declare(node.items, node.items.embeddedResource);
  if (element === undefined) return undefined;
  const maxElements = bound(node, 'maxItems') ?? Math.trunc((MAX_REQUEST_BYTES - 2) / (element.minBytes + 1));
  return { type: (name) => types.listOf(element.type(`${name}.@idx`)), maxElements, minBytes: 2, element };
}

function declareMap(node: StructuralNode, member: StructuralNode): Declared | undefined {
  const element = declare(member, member.embeddedResource);
  if (element === undefined) return undefined;
  const maxElements = bound(node, 'maxProperties') ?? Math.trunc((MAX_REQUEST_BYTES - 2) / (element.minBytes + 6));
  const type = (name: string) => types.mapOf(types.STRING, element.type(`${name}.@elem`));
  return { type, maxElements, minBytes: 2, element };
}

function declareObject(node: StructuralNode): Declared | undefined {
  if (typeof node.additionalProperties === 'object') return declareMap(node, node.additionalProperties);
  const required = node.source['required'];
  const names: readonly JsonValue[] = Array.isArray(required) ? required : [];
  const fields = new Map<string, Declared>();
  let minBytes = 2;
  for (const [name, property] of node.properties) {
    const declared = declare(property, property.embeddedResource);
    if (declared === undefined) continue;
    const escaped = escapeProperty(name);
    if (escaped !== undefined) fields.set(escaped, declared);
    if (names.includes(name) && property.default === undefined)
      minBytes += Buffer.byteLength(name) + declared.minBytes + 4;
  }
  return { type: (name) => new ObjectType(name, fields), maxElements: 0, minBytes, fields };
}

/** The type of an object; the types of its fields are made when they are asked for. */
class ObjectType implements CelType {
  readonly kind = 'struct';
  readonly params = [];
  readonly name: string;
  readonly #declared: ReadonlyMap<string, Declared>;
  #fields: ReadonlyMap<string, CelType> | undefined;

  constructor(name: string, declared: ReadonlyMap<string, Declared>) {
    this.name = name;
    this.#declared = declared;
  }

  get fields(): ReadonlyMap<string, CelType> {
    this.#fields ??= new Map(Array.from(this.#declared, ([key, one]) => [key, one.type(`${this.name}.${key}`)]));
    return this.#fields;
  }
}

function declareText(node: StructuralNode): Declared {
  switch (node.source['format']) {
    case 'byte':
      return scalar(types.BYTES, 2, lengthOf(node, 1) ?? MAX_REQUEST_BYTES - 2);
    case 'duration':
      return scalar(types.DURATION, MIN_DURATION_BYTES, MAX_TIME_BYTES);
    case 'date':
      return scalar(types.TIMESTAMP, DATE_BYTES, DATE_BYTES);
    case 'date-time':
      return scalar(types.TIMESTAMP, MIN_TIME_BYTES, MAX_TIME_BYTES);
    default:
      return scalar(types.STRING, 2, lengthOf(node, 4) ?? enumLength(node) ?? MAX_REQUEST_BYTES - 2);
  }
}

function enumLength({ source }: StructuralNode): number | undefined {
  const values = source['enum'];
  if (!Array.isArray(values) || values.length === 0) return undefined;
  return Math.max(...values.map((one) => (typeof one === 'string' ? Buffer.byteLength(one) : 0)));
}

/** How often values of this schema fit into one request. */
export function maxTimes(declared: Declared): number {
  return Math.trunc(MAX_REQUEST_BYTES / (declared.minBytes + 1));
}

/** The size of what lies at `path` (`self`, field, `@items`…) below `root`; undefined when there is nothing. */
export function sizeAt(root: Declared, path: readonly string[]): { min: number; max: number } | undefined {
  let at: Declared | undefined = root;
  for (const step of path.slice(1)) {
    if (step === '@keys') at = at.element === undefined || at.fields !== undefined ? undefined : KEY;
    else at = step === '@items' || step === '@values' ? at.element : at.fields?.get(step);
    if (at === undefined) return undefined;
  }
  return { min: 0, max: at.maxElements };
}

/** Keys of maps are texts of any length; Kubernetes counts none. */
const KEY: Declared = scalar(types.STRING, 2);
