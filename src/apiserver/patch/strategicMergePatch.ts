import { isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { deleteItems, mergeKeyedList, mergeSet, orderBy } from './mergeLists.ts';
import { listRule } from './mergeRules.ts';
import { PatchError } from './patchError.ts';

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const DELETE_FROM = '$deleteFromPrimitiveList/';
const SET_ORDER = '$setElementOrder/';

/**
 * Applies a strategic merge patch to a built-in kind, with `$patch`, `$retainKeys`, `$setElementOrder/…` and
 * `$deleteFromPrimitiveList/…`. The document is not changed.
 * @param kind  `ServiceAccount`, `Namespace` …: decides how its lists merge.
 * @throws PatchError  400 for a malformed patch, 422 when an item of a keyed list lacks its key.
 */
export function applyStrategicMergePatch(document: JsonObject, patch: JsonValue, kind: string): JsonObject {
  if (!isJsonObject(patch))
    throw new PatchError(400, 'Invalid JSON document: a strategic merge patch must be an object');
  return mergeObject(document, patch, { kind, path: '' });
}

/** Where in which kind the merge is. */
interface Position {
  kind: string;
  path: string;
}

function mergeObject(original: JsonObject, patch: JsonObject, at: Position): JsonObject {
  const directive = member(patch, DIRECTIVE);
  if (directive === 'replace') return without(patch, DIRECTIVE);
  if (directive === 'delete') return {};
  if (directive !== undefined) throw unknownDirective(directive, patch);
  const result = retainKeys({ ...original }, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key === RETAIN_KEYS || key.startsWith(SET_ORDER)) continue;
    if (key.startsWith(DELETE_FROM)) removeFrom(result, key.slice(DELETE_FROM.length), listOf(key, value));
    else mergeField(result, key, value, at);
  }
  for (const [key, order] of Object.entries(patch)) {
    if (key.startsWith(SET_ORDER)) setOrder(result, original, { key, order: listOf(key, order), at });
  }
  return result;
}

function retainKeys(original: JsonObject, patch: JsonObject): JsonObject {
  const keys = member(patch, RETAIN_KEYS);
  if (keys === undefined) return original;
  if (!Array.isArray(keys)) throw new PatchError(400, 'invalid patch format of $retainKeys');
  const retained = new Set(keys);
  const unlisted = Object.entries(patch).find(
    ([key, value]) => value !== null && !key.startsWith('$') && !retained.has(key),
  );
  if (unlisted !== undefined) throw new PatchError(400, 'invalid patch format of $retainKeys');
  return Object.fromEntries(Object.entries(original).filter(([key]) => retained.has(key)));
}

function mergeField(result: JsonObject, key: string, value: JsonValue, at: Position): void {
  const old = member(result, key);
  const path = at.path === '' ? key : `${at.path}.${key}`;
  if (value === null) Reflect.deleteProperty(result, key);
  else if (isJsonObject(old) && isJsonObject(value)) result[key] = mergeObject(old, value, { ...at, path });
  else if (Array.isArray(old) && Array.isArray(value)) result[key] = mergeList(old, value, { ...at, path });
  else {
    const plain = withoutDirectives(value);
    if (plain === undefined) Reflect.deleteProperty(result, key);
    else result[key] = plain;
  }
}

function mergeList(original: JsonValue[], patch: JsonValue[], at: Position): JsonValue[] {
  const rule = listRule(at.kind, at.path);
  if (rule === undefined) return patch;
  if (rule.mergeKey === undefined) return mergeSet(original, patch);
  return mergeKeyedList(original, patch, {
    mergeKey: rule.mergeKey,
    mergeItem: (old, item) => mergeObject(old, item, at),
  });
}

function removeFrom(result: JsonObject, key: string, items: JsonValue[]): void {
  const list = member(result, key);
  if (Array.isArray(list)) result[key] = deleteItems(list, items);
}

/** Puts the items that the client knows into its order; those only the server has keep their places between them. */
function setOrder(
  result: JsonObject,
  original: JsonObject,
  { key, order, at }: { key: string; order: JsonValue[]; at: Position },
): void {
  const name = key.slice(SET_ORDER.length);
  const list = member(result, name);
  if (!Array.isArray(list)) return;
  const rule = listRule(at.kind, at.path === '' ? name : `${at.path}.${name}`);
  const before = member(original, name);
  result[name] = orderBy(list, order, { mergeKey: rule?.mergeKey, server: Array.isArray(before) ? before : [] });
}

/** A value that is added as it stands: nulls and parts marked for deletion are left out; undefined = nothing is left. */
function withoutDirectives(value: JsonValue): JsonValue | undefined {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isJsonObject(value)) return value;
  if (Object.hasOwn(value, DIRECTIVE)) return undefined;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const plain =
      item === null || key.startsWith(SET_ORDER) || key.startsWith(DELETE_FROM) ? undefined : withoutDirectives(item);
    if (plain !== undefined && key !== RETAIN_KEYS) result[key] = plain;
  }
  return result;
}

function without(object: JsonObject, key: string): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));
}

function listOf(key: string, value: JsonValue): JsonValue[] {
  if (Array.isArray(value)) return value;
  throw new PatchError(400, `invalid patch format of ${key}: it must be a list`);
}

function unknownDirective(directive: JsonValue, patch: JsonObject): PatchError {
  return new PatchError(400, `unknown patch type ${JSON.stringify(directive)} in ${Object.keys(patch).join(', ')}`);
}
