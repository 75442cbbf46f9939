import { cloneJson, type JsonObject } from '../codec/json.ts';
import type { Call, RegistryDeps, Written } from './call.ts';
import { checkFields, checkName, checkNamespace, checkType } from './checks.ts';
import { deriveObject } from './update.ts';

/** Replaces the object of `call` with `body` (PUT). @throws ApiError 400, 404, 409, 422. */
export async function replaceObject(deps: RegistryDeps, call: Call, body: JsonObject): Promise<Written> {
  checkType(body, call.resource);
  checkFields(call.resource.schema.admitRequest(body), call);
  checkName(body, call);
  checkNamespace(body, call);
  return deriveObject(deps, call, () => cloneJson(body));
}
