import type { Clock } from '../../lib/clock.ts';
import { conditionStatus } from '../builtins/conditions.ts';
import { installObject, toJsonObject } from '../controllers/installObject.ts';
import type { RegistryDeps } from '../registry/call.ts';
import { metaOf, textAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { cachedToObject } from '../registry/versions.ts';

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
  for (const definition of definitions) await installObject(registry, resource, definition);
  const names = definitions.map((one) => textAt(metaOf(toJsonObject(one)), 'name'));
  await established(registry.clock, resource, names, timeoutMs);
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
