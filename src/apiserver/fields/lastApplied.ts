import { BodyError } from '../codec/bodyError.ts';
import { isJsonObject, member, omit, stringifyJson } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { parseJson } from '../codec/jsonParser.ts';
import { appliedProblem } from './checkApplied.ts';
import { compareObjects } from './compare.ts';
import { fieldsOf } from './fieldsOf.ts';
import { EMPTY, subtractSet } from './fieldSet.ts';
import type { FieldSet } from './fieldSet.ts';
import type { FieldType } from './fieldType.ts';

/** Where kubectl's client-side apply keeps what it applied. */
const ANNOTATION = 'kubectl.kubernetes.io/last-applied-configuration';
/** The manager whose server-side apply takes over from its client-side apply. */
export const KUBECTL = 'kubectl';
const MAX_ANNOTATION_BYTES = 256 * 1024;

/**
 * Fields that client-side apply wrote last and nobody has changed since: server-side apply by kubectl may take them from
 * whoever has them. Empty when there is no annotation, or none that can be read.
 */
export function fieldsOfLastApplied(live: JsonObject, type: FieldType): FieldSet {
  const annotation = annotationOf(live);
  const applied = annotation === '' ? undefined : parseObject(annotation);
  if (applied === undefined || applied['apiVersion'] !== live['apiVersion']) return EMPTY;
  if (appliedProblem(applied, type) !== undefined) return EMPTY;
  const { modified, added, removed } = compareObjects(applied, live, type);
  return subtractSet(subtractSet(subtractSet(fieldsOf(applied, type), modified), added), removed);
}

/** Brings the annotation, where there is one, in line with what kubectl applied by the server: it may go back. */
export function syncLastApplied(object: JsonObject, sent: JsonObject): JsonObject {
  if (annotationOf(object) === '') return object;
  const metadata = objectOf(member(object, 'metadata'));
  const annotations = { ...objectOf(member(metadata, 'annotations')), [ANNOTATION]: `${goJson(withoutOwn(sent))}\n` };
  const size = Object.entries(annotations).reduce((sum, [key, value]) => sum + bytesOf(key) + bytesOf(value), 0);
  const kept = size > MAX_ANNOTATION_BYTES ? omit(annotations, ANNOTATION) : annotations;
  return { ...object, metadata: { ...metadata, annotations: kept } };
}

function annotationOf(object: JsonObject): string {
  const annotations = objectOf(member(objectOf(member(object, 'metadata')), 'annotations'));
  const value = member(annotations, ANNOTATION);
  return typeof value === 'string' ? value : '';
}

function withoutOwn(sent: JsonObject): JsonObject {
  const metadata = member(sent, 'metadata');
  const annotations = member(objectOf(metadata), 'annotations');
  if (!isJsonObject(metadata) || !isJsonObject(annotations)) return sent;
  return { ...sent, metadata: { ...metadata, annotations: omit(annotations, ANNOTATION) } };
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const { value } = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof BodyError) return undefined;
    throw error;
  }
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function bytesOf(value: JsonValue): number {
  return typeof value === 'string' ? Buffer.byteLength(value) : 0;
}

/** JSON as Go writes it: members sorted, safe to stand in HTML. */
function goJson(value: JsonValue): string {
  return stringifyJson(sorted(value)).replace(
    /[<>&\u2028\u2029]/g,
    (char) => String.raw`\u` + char.charCodeAt(0).toString(16).padStart(4, '0'),
  );
}

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key] ?? null)]),
  );
}
