import type { Clock } from '../../lib/clock.ts';
import { equalJson, isJsonObject, type JsonObject } from '../codec/json.ts';
import { conditionStatus } from '../builtins/conditions.ts';
import { internalCall, tolerating } from '../controllers/internalCalls.ts';
import type { RegistryDeps } from '../registry/call.ts';
import { createObject } from '../registry/create.ts';
import { metaOf, objectAt, textAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { updateObject } from '../registry/update.ts';
import { cachedToObject } from '../registry/versions.ts';

const MANAGER = 'hostler';
const POLL_MS = 10;

/**
 * Creates `definitions`, or brings their spec, labels and annotations up to date, and waits until all are established.
 * @throws ApiError when one is refused.  @throws Error when one is not established within `timeoutMs`.
 */
export async function installDefinitions(
  registry: RegistryDeps,
  resource: StoredResource,
  definitions: readonly object[],
  timeoutMs = 30_000,
): Promise<void> {
  for (const definition of definitions) await install(registry, resource, toJsonObject(definition));
  const names = definitions.map((one) => textAt(metaOf(toJsonObject(one)), 'name'));
  await established(registry.clock, resource, names, timeoutMs);
}

function toJsonObject(value: object): JsonObject {
  const copy: unknown = JSON.parse(JSON.stringify(value));
  if (isPlain(copy)) return copy;
  throw new Error('a CustomResourceDefinition to install is no object');
}

function isPlain(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function install(registry: RegistryDeps, resource: StoredResource, wanted: JsonObject): Promise<void> {
  const name = textAt(metaOf(wanted), 'name');
  const call = internalCall({ resource, namespace: '', name, manager: MANAGER });
  const created = await tolerating([409], () => createObject(registry, call, toJsonObject(wanted)));
  if (created !== undefined) return;
  await updateObject(registry, call, (current) => {
    const meta = metaOf(current);
    for (const key of ['labels', 'annotations']) {
      const mine = objectAt(wanted['metadata'], key);
      if (mine !== undefined) meta[key] = { ...objectAt(current['metadata'], key), ...mine };
    }
    const spec = wanted['spec'];
    if (isJsonObject(spec) && !equalJson(spec, current['spec'])) current['spec'] = spec;
    return current;
  });
}

async function established(clock: Clock, resource: StoredResource, names: string[], timeoutMs: number): Promise<void> {
  const deadline = clock.now() + timeoutMs;
  const { store } = resource;
  for (;;) {
    const missing = names.filter((name) => {
      const cached = store.cache.get(store.key('', name));
      return cached === undefined || conditionStatus(cachedToObject(resource, cached), 'Established') !== 'True';
    });
    if (missing.length === 0) return;
    if (clock.now() > deadline) throw new Error(`not established in time: ${missing.join(', ')}`);
    await clock.sleep(POLL_MS);
  }
}
