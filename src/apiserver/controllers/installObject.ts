import { compareDebianVersions } from '../../lib/versionRange.ts';
import { AUTOUPDATE } from '../authorization/bootstrapRoles.ts';
import { equalJson, isJsonObject, type JsonObject } from '../codec/json.ts';
import type { RegistryDeps } from '../registry/call.ts';
import { createObject } from '../registry/create.ts';
import { metaOf, objectAt, textAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { updateObject } from '../registry/update.ts';
import { internalCall, tolerating } from './internalCalls.ts';

/** Annotation of a manifest: the version of the product that it is part of. */
export const INSTALLED_BY = 'hostler.dev/installed-by';

const MANAGER = 'hostler';
const HEAD: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/**
 * Creates `manifest`, or brings what it says, its labels and its annotations up to date. An object that somebody gave
 * the annotation `rbac.authorization.kubernetes.io/autoupdate: "false"` is left as it is, and so is one that a newer
 * version installed: with the schema of an older one, what only the newer one knows would be dropped.
 * @throws ApiError when it is refused.
 */
export async function installObject(registry: RegistryDeps, resource: StoredResource, manifest: object): Promise<void> {
  const wanted = toJsonObject(manifest);
  const meta = metaOf(wanted);
  const namespace = textAt(meta, 'namespace');
  const call = internalCall({ resource, namespace, name: textAt(meta, 'name'), manager: MANAGER });
  const created = await tolerating([409], () => createObject(registry, call, toJsonObject(manifest)));
  if (created !== undefined) return;
  await updateObject(registry, call, (current) => withManifest(current, wanted));
}

function withManifest(current: JsonObject, wanted: JsonObject): JsonObject {
  const meta = metaOf(current);
  const annotations = objectAt(meta, 'annotations');
  if (textAt(annotations, AUTOUPDATE) === 'false') return current;
  if (isNewer(textAt(annotations, INSTALLED_BY), textAt(objectAt(metaOf(wanted), 'annotations'), INSTALLED_BY))) {
    return current;
  }
  for (const key of ['labels', 'annotations']) {
    const mine = objectAt(wanted['metadata'], key);
    if (mine !== undefined) meta[key] = { ...objectAt(meta, key), ...mine };
  }
  for (const [key, value] of Object.entries(wanted)) {
    if (!HEAD.has(key) && !equalJson(value, current[key])) current[key] = value;
  }
  return current;
}

function isNewer(version: string, own: string): boolean {
  // a candidate comes before its release: Debian writes as ~ what semantic versions write as -
  const [left, right] = [version, own].map((one) => one.replace('-', '~'));
  return own !== '' && compareDebianVersions(left ?? '', right ?? '') > 0;
}

/** A copy of a manifest as JSON. @throws Error when it is no object. */
export function toJsonObject(value: object): JsonObject {
  const copy: unknown = JSON.parse(JSON.stringify(value));
  if (isPlain(copy)) return copy;
  throw new Error('a manifest to install is no object');
}

function isPlain(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && isJsonObject(value as JsonObject);
}
