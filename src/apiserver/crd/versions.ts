import { isJsonObject, type JsonObject } from '../codec/json.ts';
import { listAt, objectAt, textAt, textsAt } from '../registry/object.ts';

/**
 * The served versions of a definition whose objects can be had without a webhook: all of them, unless it wants one.
 * Then it is the version that objects are stored in, and none while there may be objects in another.
 */
export function versionsWithoutWebhook(crd: JsonObject): string[] {
  const spec = objectAt(crd, 'spec');
  const versions = listAt(spec, 'versions').filter((version) => isJsonObject(version));
  const served = versions.filter((version) => version['served'] === true).map((version) => textAt(version, 'name'));
  if (textAt(objectAt(spec, 'conversion'), 'strategy') !== 'Webhook') return served;
  const storage = versions.filter((version) => version['storage'] === true).map((version) => textAt(version, 'name'));
  const stored = new Set([...storage, ...textsAt(objectAt(crd, 'status'), 'storedVersions')]);
  return stored.size > 1 ? [] : served.filter((name) => stored.has(name));
}
