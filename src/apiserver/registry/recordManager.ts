import type { Clock } from '../../lib/clock.ts';
import type { JsonObject } from '../codec/json.ts';
import { updateManagedFields } from '../fields/managedFields.ts';
import type { Call } from './call.ts';
import { apiVersionOf, type ServedResource } from './resource.ts';

/** Who writes, and to what. */
interface Write extends Pick<Call, 'manager' | 'subresource'> {
  resource: ServedResource;
}

/** Brings managedFields of `object` up to date with what the write changed of `live`; undefined = it is new. */
export function recordManager(
  { resource, manager, subresource }: Write,
  { live, object }: { live: JsonObject | undefined; object: JsonObject },
  clock: Clock,
): void {
  updateManagedFields({
    live,
    object,
    manager,
    apiVersion: apiVersionOf(resource),
    subresource,
    now: new Date(clock.now()),
    versions: resource.fieldVersions,
    reset: [],
  });
}
