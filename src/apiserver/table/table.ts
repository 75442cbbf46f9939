import { isJsonObject, member, stringifyJson } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { ageOf } from './humanDuration.ts';
import { compileJsonPath, JsonPathError } from './jsonPath.ts';
import type { JsonPath } from './jsonPath.ts';

/** One column: from a CRD's additionalPrinterColumns, or given by a built-in kind. */
export interface PrinterColumn {
  name: string;
  type: 'integer' | 'number' | 'boolean' | 'string' | 'date';
  format?: string;
  description?: string;
  /** 0 = always shown; above = only with `-o wide`. */
  priority?: number;
  /** Where the cell comes from: a path … */
  jsonPath?: string;
  /** … or, for built-in kinds, a function. */
  cell?: (object: JsonObject, now: Date) => JsonValue;
}

/** How a Table is asked for. */
interface TableOptions {
  /** `meta.k8s.io/v1` or `meta.k8s.io/v1beta1`. */
  apiVersion: string;
  /** The `includeObject` parameter; default Metadata. */
  includeObject: 'None' | 'Metadata' | 'Object';
  now: Date;
  /** `metadata` of the Table: resourceVersion, continue, remainingItemCount. */
  listMeta: JsonObject;
  /** false makes columnDefinitions null: every watch event but the first. */
  columnDefinitions?: boolean;
}

/** Turns objects of one resource into `meta.k8s.io` Tables. */
export interface TableRenderer {
  /** A whole Table for a list or one object. */
  table(objects: readonly JsonObject[], options: TableOptions): JsonObject;
}

type Cell = (object: JsonObject, now: Date) => JsonValue;

const NAME_COLUMN: PrinterColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description:
    'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names',
  cell: (object) => metadataOf(object)['name'] ?? '',
};

/** What is shown when a resource declares no columns. */
export const AGE_COLUMN: PrinterColumn = {
  name: 'Age',
  type: 'date',
  description:
    'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
  jsonPath: '.metadata.creationTimestamp',
};

/**
 * Compiles columns; a Name column is put first. undefined or [] = Name and Age.
 * A column whose path does not compile shows empty cells.
 */
export function compileTable(columns: readonly PrinterColumn[] | undefined): TableRenderer {
  const all = [NAME_COLUMN, ...(columns === undefined || columns.length === 0 ? [AGE_COLUMN] : columns)];
  const definitions = all.map(definitionOf);
  const cells = all.map(compileCell);
  return {
    table: (objects, options) => ({
      kind: 'Table',
      apiVersion: options.apiVersion,
      metadata: options.listMeta,
      columnDefinitions: (options.columnDefinitions ?? true) ? definitions : null,
      rows: objects.map((object) => row(cells, object, options)),
    }),
  };
}

function definitionOf(column: PrinterColumn): JsonObject {
  return {
    name: column.name,
    type: column.type,
    format: column.format ?? '',
    description:
      column.description ?? `Custom resource definition column (in JSONPath format): ${column.jsonPath ?? ''}`,
    priority: column.priority ?? 0,
  };
}

function row(cells: readonly Cell[], object: JsonObject, { includeObject, apiVersion, now }: TableOptions): JsonObject {
  const values = cells.map((cell) => cell(object, now));
  if (includeObject === 'None') return { cells: values };
  return { cells: values, object: includeObject === 'Object' ? object : partial(object, apiVersion) };
}

function partial(object: JsonObject, apiVersion: string): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion, metadata: metadataOf(object) };
}

function metadataOf(object: JsonObject): JsonObject {
  const metadata = member(object, 'metadata');
  return isJsonObject(metadata) ? metadata : {};
}

function compileCell(column: PrinterColumn): Cell {
  const { cell, jsonPath, type } = column;
  if (cell !== undefined) return cell;
  const path = compileOrNothing(jsonPath ?? '');
  if (path === undefined) return () => null;
  return (object, now) => {
    const [value] = path.find(object);
    return value === undefined ? null : cellValue(type, value, now);
  };
}

function compileOrNothing(text: string): JsonPath | undefined {
  try {
    return compileJsonPath(text);
  } catch (error) {
    if (error instanceof JsonPathError) return undefined;
    throw error;
  }
}

function cellValue(type: PrinterColumn['type'], value: JsonValue, now: Date): JsonValue {
  switch (type) {
    case 'integer':
      if (typeof value === 'bigint') return value;
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'string':
      return textOf(value);
    case 'date':
      return typeof value === 'string' ? ageOf(value, now) : null;
  }
}

/** As Go prints a map, by its keys. */
function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key] ?? null)]));
}

function textOf(value: JsonValue): string {
  if (value === null) return '';
  return typeof value === 'string' ? value : stringifyJson(sorted(value));
}
