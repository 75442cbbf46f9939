import { canonicalText, isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { PatchError } from './patchError.ts';

/** The union of two lists of scalars: what the patch names comes in its order, the rest keeps its place. */
export function mergeSet(original: JsonValue[], patch: JsonValue[]): JsonValue[] {
  const merged = new Map<string, JsonValue>();
  for (const item of [...original, ...patch]) {
    const text = canonicalText(item);
    if (!merged.has(text)) merged.set(text, item);
  }
  return orderBy([...merged.values()], patch, { mergeKey: undefined, server: original });
}

/** `list` without `items`. */
export function deleteItems(list: JsonValue[], items: JsonValue[]): JsonValue[] {
  const deleted = new Set(items.map(canonicalText));
  return list.filter((item) => !deleted.has(canonicalText(item)));
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
  const deleted = new Set(
    items.filter((item) => item['$patch'] === 'delete').map((item) => canonicalText(keyOf(item, mergeKey))),
  );
  const identity = identityBy(mergeKey);
  const kept = original.map(objectOf).filter((item) => !deleted.has(identity(item)));
  const merged: JsonObject[] = [...kept];
  const places = placesIn(merged, identity);
  for (const item of plain) {
    const key = canonicalText(keyOf(item, mergeKey));
    const index = places.get(key);
    const old = index === undefined ? undefined : merged[index];
    if (index === undefined || old === undefined) places.set(key, merged.push(item) - 1);
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
  const identity = identityBy(mergeKey);
  const wished = placesIn(order, identity);
  const served = placesIn(server, identity);
  const items = list.map((item) => {
    const text = identity(item);
    return { item, wished: wished.get(text), served: served.get(text) };
  });
  const ordered = items
    .filter((item) => item.wished !== undefined)
    .toSorted((a, b) => (a.wished ?? 0) - (b.wished ?? 0));
  const others = items
    .filter((item) => item.wished === undefined)
    .toSorted((a, b) => (a.served ?? -1) - (b.served ?? -1));
  const result: JsonValue[] = [];
  let next = 0;
  for (const { item, served: place } of ordered) {
    for (; isBefore(others[next]?.served, place); next++) result.push(others[next]?.item ?? null);
    result.push(item);
  }
  return [...result, ...others.slice(next).map(({ item }) => item)];
}

function isBefore(position: number | undefined, place: number | undefined): boolean {
  return position !== undefined && place !== undefined && position < place;
}

/** What says that two items are the same: the value of `mergeKey`, or else the whole. */
function identityBy(mergeKey: string | undefined): (item: JsonValue) => string {
  if (mergeKey === undefined) return canonicalText;
  return (item) => {
    const key = member(objectOf(item), mergeKey);
    return key === undefined ? '' : canonicalText(key);
  };
}

/** Where each identity stands first. */
function placesIn(items: readonly JsonValue[], identity: (item: JsonValue) => string): Map<string, number> {
  const places = new Map<string, number>();
  for (const [index, item] of items.entries()) {
    const text = identity(item);
    if (!places.has(text)) places.set(text, index);
  }
  return places;
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
