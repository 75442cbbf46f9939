import { equalJson, isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { PatchError } from './patchError.ts';

/** The union of two lists of scalars: what the patch names comes in its order, the rest keeps its place. */
export function mergeSet(original: JsonValue[], patch: JsonValue[]): JsonValue[] {
  const merged = [...original, ...patch].filter(
    (item, index, all) => all.findIndex((other) => equalJson(other, item)) === index,
  );
  return orderBy(merged, patch, { mergeKey: undefined, server: original });
}

/** `list` without `items`. */
export function deleteItems(list: JsonValue[], items: JsonValue[]): JsonValue[] {
  return list.filter((item) => !items.some((other) => equalJson(other, item)));
}

/** Merges two lists of objects by key, with `$patch: delete` of single items and `$patch: replace` of the list. */
export function mergeKeyedList(
  original: JsonValue[],
  patch: JsonValue[],
  options: { mergeKey: string; mergeItem: (old: JsonObject, patch: JsonObject) => JsonObject },
): JsonValue[] {
  const { mergeKey, mergeItem } = options;
  const items = patch.map((item) => objectOf(item));
  const plain = items.filter((item) => !Object.hasOwn(item, '$patch'));
  for (const item of items) checkDirective(item);
  if (items.some((item) => item['$patch'] === 'replace')) return plain;
  const deleted = items.filter((item) => item['$patch'] === 'delete').map((item) => keyOf(item, mergeKey));
  const kept = original.map(objectOf).filter((item) => !deleted.some((key) => equalJson(key, member(item, mergeKey))));
  const merged: JsonObject[] = [...kept];
  for (const item of plain) {
    const key = keyOf(item, mergeKey);
    const index = merged.findIndex((other) => equalJson(member(other, mergeKey), key));
    const old = merged[index];
    if (old === undefined) merged.push(item);
    else merged[index] = mergeItem(old, item);
  }
  return orderBy(merged, plain, { mergeKey, server: kept });
}

/**
 * Orders `list`: items in `order` follow it; the others keep the order they have in `server` and are put in front of
 * the first item that came after them there.
 */
export function orderBy(
  list: JsonValue[],
  order: JsonValue[],
  { mergeKey, server }: { mergeKey: string | undefined; server: JsonValue[] },
): JsonValue[] {
  const identity = (item: JsonValue): JsonValue => (mergeKey === undefined ? item : keyOf(objectOf(item), mergeKey));
  const positionIn = (items: JsonValue[], item: JsonValue): number =>
    items.findIndex((other) => equalJson(identity(other), identity(item)));
  const sorted = (items: JsonValue[], by: JsonValue[]): JsonValue[] =>
    items.toSorted((a, b) => positionIn(by, a) - positionIn(by, b));
  const ordered = sorted(
    list.filter((item) => positionIn(order, item) >= 0),
    order,
  );
  const others = sorted(
    list.filter((item) => positionIn(order, item) < 0),
    server,
  );
  const result: JsonValue[] = [];
  for (const item of ordered) {
    const place = positionIn(server, item);
    while (others.length > 0 && place >= 0 && isBefore(positionIn(server, others[0] ?? null), place)) {
      result.push(others.shift() ?? null);
    }
    result.push(item);
  }
  return [...result, ...others];
}

function isBefore(position: number, place: number): boolean {
  return position >= 0 && position < place;
}

function checkDirective(item: JsonObject): void {
  const directive = member(item, '$patch');
  if (directive === undefined || directive === 'replace' || directive === 'delete') return;
  throw new PatchError(400, `unknown patch type ${JSON.stringify(directive)} in a list`);
}

function keyOf(item: JsonObject, mergeKey: string): JsonValue {
  const key = member(item, mergeKey);
  if (key === undefined)
    throw new PatchError(
      422,
      `map: ${JSON.stringify(Object.keys(item))} does not contain declared merge key: ${mergeKey}`,
    );
  return key;
}

function objectOf(item: JsonValue): JsonObject {
  if (isJsonObject(item)) return item;
  throw new PatchError(400, 'an item of a list that is merged by key is no object');
}
