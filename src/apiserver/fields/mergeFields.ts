import { isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import type { FieldType } from './fieldType.ts';

/** A value on one side; undefined = it is not there. */
type Side = JsonValue | undefined;

/**
 * `live` with everything that `sent` says; nothing is removed. Lists that are no fields of their own keep the items of
 * both: in the order of `sent`, those that only `live` has where they stood. Neither is changed; the result shares with
 * both. @throws RangeError  for an item without a path element.
 */
export function mergeFields(live: JsonObject, sent: JsonObject, type: FieldType): JsonObject {
  return mergeMembers(live, sent, type);
}

function merge(live: Side, sent: Side, type: FieldType): Side {
  const shape = type.shapeOf(sent === undefined ? (live ?? null) : shaping(live, sent));
  if (shape === 'map' && !type.isAtomicMap) return mergeMaps(live, sent, type);
  if (shape === 'list' && !type.isAtomicList) return mergeLists(live, sent, type);
  return sent === undefined ? live : sent;
}

/** null can be anything, so that it takes the shape of the other side. */
function shaping(live: Side, sent: JsonValue): JsonValue {
  return sent === null && live !== undefined ? live : sent;
}

function mergeMaps(live: Side, sent: Side, type: FieldType): Side {
  const [before, after] = [isJsonObject(live) ? live : {}, isJsonObject(sent) ? sent : {}];
  if (Object.keys(before).length === 0 && Object.keys(after).length === 0) return sent === undefined ? live : sent;
  const merged = mergeMembers(before, after, type);
  return Object.keys(merged).length === 0 ? undefined : merged;
}

function mergeMembers(before: JsonObject, after: JsonObject, type: FieldType): JsonObject {
  const merged: JsonObject = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [live, sent] = [member(before, key), member(after, key)];
    const value = sent === undefined ? live : merge(live, sent, type.member(key));
    if (value !== undefined) merged[key] = value;
  }
  return merged;
}

function mergeLists(live: Side, sent: Side, type: FieldType): Side {
  const [before, after] = [Array.isArray(live) ? live : [], Array.isArray(sent) ? sent : []];
  if (before.length === 0 && after.length === 0) return sent === undefined ? live : sent;
  if (after.length === 0) return before;
  const merged = new ListMerger(itemsOf(before, type), itemsOf(after, type), type).run();
  return merged.length === 0 ? undefined : merged;
}

interface Item {
  element: string;
  value: JsonValue;
}

function itemsOf(list: JsonValue[], type: FieldType): Item[] {
  return list.map((value, index) => {
    const element = type.elementOf(value);
    if (element === undefined) throw new RangeError(`item ${index} of a list has nothing that tells it from others`);
    return { element, value };
  });
}

/** Goes through both lists side by side. */
class ListMerger {
  readonly #live: readonly Item[];
  readonly #sent: readonly Item[];
  readonly #type: FieldType;
  readonly #liveByElement: ReadonlyMap<string, JsonValue>;
  readonly #sentByElement: ReadonlyMap<string, JsonValue>;
  /** Items in both lists that have not come yet, in the order of the list that was sent. */
  readonly #shared: string[];
  readonly #done = new Set<string>();
  readonly #merged: JsonValue[] = [];
  #liveIndex = 0;
  #sentIndex = 0;

  constructor(live: readonly Item[], sent: readonly Item[], type: FieldType) {
    this.#live = live;
    this.#sent = sent;
    this.#type = type;
    this.#liveByElement = uniqueItems(live);
    this.#sentByElement = uniqueItems(sent);
    this.#shared = sent.map(({ element }) => element).filter((element) => this.#liveByElement.has(element));
  }

  run(): JsonValue[] {
    for (;;) {
      const [live, sent] = [this.#live[this.#liveIndex], this.#sent[this.#sentIndex]];
      if (live !== undefined && this.#passLive(live, sent)) continue;
      if (sent !== undefined) this.#take(sent, live);
      else if (this.#liveIndex >= this.#live.length) return this.#merged;
    }
  }

  /** Deals with the live item that is next; false when it is the turn of the sent one. */
  #passLive(live: Item, sent: Item | undefined): boolean {
    if (live.element === sent?.element) return false;
    const isShared = this.#sentByElement.has(live.element);
    if (!isShared) this.#push(live.value);
    const [next] = this.#shared;
    const isTurnOfAnother = sent !== undefined && next !== undefined && next !== live.element;
    if (!isShared || isTurnOfAnother || this.#done.has(live.element)) this.#liveIndex++;
    return !isShared || isTurnOfAnother;
  }

  #take({ element }: Item, live: Item | undefined): void {
    this.#done.add(element);
    this.#sentIndex++;
    if (live?.element === element) this.#liveIndex++;
    this.#push(merge(this.#liveByElement.get(element), this.#sentByElement.get(element), this.#type.item));
    if (this.#shared[0] === element) this.#shared.shift();
  }

  #push(value: Side): void {
    if (value !== undefined) this.#merged.push(value);
  }
}

/** Items by element; those that occur twice are null: nothing can be merged with them. */
function uniqueItems(items: readonly Item[]): ReadonlyMap<string, JsonValue> {
  const unique = new Map<string, JsonValue>();
  for (const { element, value } of items) unique.set(element, unique.has(element) ? null : value);
  return unique;
}
