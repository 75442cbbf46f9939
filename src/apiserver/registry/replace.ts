import { cloneJson, type JsonObject } from '../codec/json.ts';
import type { Call, RegistryDeps, Written } from './call.ts';
import { checkFields, checkName, checkNamespace, checkType } from './checks.ts';
import { createObject } from './create.ts';
import { metaOf } from './object.ts';
import { dropTwinOwners } from './owners.ts';
import { checkUid, deriveObject } from './update.ts';
import { upsert, type Upserted } from './upsert.ts';

/**
 * Replaces the object of `call` with `body` (PUT); where the kind allows it, one that is not there is created.
 * @param mayCreate  Called before anything is created. @throws ApiError 403.
 * @throws ApiError 400, 403, 404, 409, 422.
 */
export async function replaceObject(
  deps: RegistryDeps,
  call: Call,
  body: JsonObject,
  mayCreate: () => Promise<void>,
): Promise<Upserted> {
  checkType(body, call.resource);
  checkFields(call.resource.schema.admitRequest(body), call);
  checkName(body, call);
  checkNamespace(body, call);
  dropTwinOwners(body, call.warnings, 'sent');
  const update = (): Promise<Written> => deriveObject(deps, call, () => cloneJson(body));
  const isWhole = call.subresource === '' && call.resource.strategy.createOnUpdate === true;
  if (!isWhole) return { written: await update(), created: false };
  return upsert(update, async () => {
    const object = cloneJson(body);
    checkUid(call, object, '');
    // of what was there before, it says nothing of the new object
    Reflect.deleteProperty(metaOf(object), 'resourceVersion');
    await mayCreate();
    // what is wrong with the fields has been told
    return createObject(deps, { ...call, name: '', repeated: [] }, object);
  });
}
