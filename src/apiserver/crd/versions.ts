import { isJsonObject, type JsonObject } from '../codec/json.ts';
import { listAt, objectAt, textAt, textsAt } from '../registry/object.ts';

/** Names of the versions of a definition that are served, or that objects are stored in. */
export function versionsOf(crd: JsonObject, flag: 'served' | 'storage'): string[] {
  return listAt(objectAt(crd, 'spec'), 'versions')
    .filter((version) => isJsonObject(version) && version[flag] === true)
    .map((version) => textAt(version, 'name'));
}

/** Whether a definition has its objects converted by somebody else. */
export function wantsWebhook(crd: JsonObject): boolean {
  return textAt(objectAt(objectAt(crd, 'spec'), 'conversion'), 'strategy') === 'Webhook';
}

/**
 * The served versions of a definition whose objects can be had without a webhook: all of them, unless it wants one.
 * Then it is the version that objects are stored in, and none while there may be objects in another.
 */
export function versionsWithoutWebhook(crd: JsonObject): string[] {
  const served = versionsOf(crd, 'served');
  if (!wantsWebhook(crd)) return served;
  const stored = new Set([...versionsOf(crd, 'storage'), ...textsAt(objectAt(crd, 'status'), 'storedVersions')]);
  return stored.size > 1 ? [] : served.filter((name) => stored.has(name));
}
