import { isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { decodeFieldsV1, EMPTY } from './fieldSet.ts';
import type { FieldSet } from './fieldSet.ts';

/** One entry of managedFields. */
export interface ManagedEntry {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  /** '' for the main resource. */
  subresource: string;
  /** RFC 3339, seconds; undefined when the client left it out. */
  time: string | undefined;
  fields: FieldSet;
}

/** Entries by {@link identityOf}. */
export type ManagedEntries = Map<string, ManagedEntry>;

/** What makes two writes those of one manager; appliers keep theirs across versions. */
export function identityOf(entry: Omit<ManagedEntry, 'fields' | 'time'>): string {
  const { manager, operation, apiVersion, subresource } = entry;
  return JSON.stringify([manager, operation, operation === 'Apply' ? '' : apiVersion, subresource]);
}

/**
 * Reads `metadata.managedFields`; undefined when an entry is malformed.
 * @param readFields  {@link sentFields}, or {@link storedFields} for what {@link encodeEntries} wrote.
 */
export function decodeEntries(list: JsonValue | undefined, readFields: ReadFields): ManagedEntries | undefined {
  if (list === undefined || list === null) return new Map();
  if (!Array.isArray(list)) return undefined;
  const entries: ManagedEntries = new Map();
  for (const item of list) {
    const entry = isJsonObject(item) ? decodeEntry(item, readFields) : undefined;
    if (entry === undefined) return undefined;
    entries.set(identityOf(entry), entry);
  }
  return entries;
}

/** `[]` or `[{}]`: the client wants the list forgotten. */
export function isReset(list: JsonValue | undefined): boolean {
  if (!Array.isArray(list) || list.length > 1) return false;
  const [only] = list;
  return only === undefined || (isJsonObject(only) && Object.keys(only).length === 0);
}

/** The entries as `metadata.managedFields`, in kube's order. */
export function encodeEntries(entries: ManagedEntries): JsonObject[] {
  return [...entries.values()].sort(compareEntries).map(encodeEntry);
}

/** By operation, then time, then manager, version and subresource. */
function compareEntries(a: ManagedEntry, b: ManagedEntry): number {
  return (
    compareTexts(a.operation, b.operation) ||
    secondsOf(a) - secondsOf(b) ||
    compareTexts(a.manager, b.manager) ||
    compareTexts(a.apiVersion, b.apiVersion) ||
    compareTexts(a.subresource, b.subresource)
  );
}

/** When the entry was last written, in seconds; 0 when unknown. */
export function secondsOf(entry: ManagedEntry): number {
  const time = Date.parse(entry.time ?? '');
  return Number.isNaN(time) ? 0 : Math.floor(time / 1000);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

type ReadFields = (fieldsV1: JsonValue) => FieldSet | undefined;

/** Fields that a client sent: looked through, as they may be malformed. */
export const sentFields: ReadFields = decodeFieldsV1;

/** Fields that the server stored, as a set is written. */
export const storedFields: ReadFields = (fieldsV1) => (isJsonObject(fieldsV1) ? (fieldsV1 as FieldSet) : undefined);

function decodeEntry(item: JsonObject, readFields: ReadFields): ManagedEntry | undefined {
  const operation = member(item, 'operation');
  const apiVersion = textOf(item, 'apiVersion');
  const fieldsV1 = member(item, 'fieldsV1');
  const fields = fieldsV1 === undefined || fieldsV1 === null ? EMPTY : readFields(fieldsV1);
  if ((operation !== 'Apply' && operation !== 'Update') || apiVersion === '' || fields === undefined) return undefined;
  if (textOf(item, 'fieldsType') !== 'FieldsV1') return undefined;
  const time = textOf(item, 'time');
  return {
    manager: textOf(item, 'manager'),
    operation,
    apiVersion,
    subresource: textOf(item, 'subresource'),
    time: time === '' ? undefined : time,
    fields,
  };
}

function encodeEntry(entry: ManagedEntry): JsonObject {
  return {
    manager: entry.manager,
    operation: entry.operation,
    apiVersion: entry.apiVersion,
    ...(entry.time === undefined ? {} : { time: entry.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: entry.fields,
    ...(entry.subresource === '' ? {} : { subresource: entry.subresource }),
  };
}

function textOf(object: JsonObject, key: string): string {
  const value = member(object, key);
  return typeof value === 'string' ? value : '';
}
