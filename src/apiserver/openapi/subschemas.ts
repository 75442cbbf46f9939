import { isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';

/** A structural schema with `change` done to the schemas of its members, items and other values. */
export function mapSubschemas(schema: JsonObject, change: (one: JsonObject) => JsonObject): JsonObject {
  const changed = (value: JsonValue): JsonValue => (isJsonObject(value) ? change(value) : value);
  const { properties, items, additionalProperties } = schema;
  const result = { ...schema };
  if (isJsonObject(properties)) {
    const members = Object.entries(properties).map(([name, one]): [string, JsonValue] => [name, changed(one)]);
    result['properties'] = Object.fromEntries(members);
  }
  if (items !== undefined) result['items'] = changed(items);
  if (additionalProperties !== undefined) result['additionalProperties'] = changed(additionalProperties);
  return result;
}
