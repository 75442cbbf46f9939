import type { JsonObject } from '../codec/json.ts';
import { isTooDeep, TOO_DEEP } from '../codec/plainJson.ts';
import { badRequest, invalid, type ApiError } from '../http/status.ts';
import type { FieldError } from '../schema/fieldErrors.ts';
import type { Normalized } from '../schema/resourceSchema.ts';
import type { Call } from './call.ts';
import { metaOf, textAt } from './object.ts';
import { apiVersionOf, type ResourceHead } from './resource.ts';

/**
 * The body must say the version and kind of the URL; what it does not say is filled in, except for custom resources,
 * of which kube-apiserver demands it. @throws ApiError 400.
 */
export function checkType(object: JsonObject, resource: ResourceHead & { strategicKind?: string | undefined }): void {
  const apiVersion = apiVersionOf(resource);
  const { kind } = resource.names;
  const saidVersion = versionSaid(object);
  const saidKind = textAt(object, 'kind');
  const mustSay = 'strategicKind' in resource && resource.strategicKind === undefined;
  if (mustSay && saidKind === '') {
    throw badRequest(`the object provided is unrecognized (must be of type ${kind}): Object 'Kind' is missing`);
  }
  if ((mustSay || saidVersion !== '') && saidVersion !== apiVersion) {
    throw badRequest(
      `the API version in the data (${saidVersion}) does not match the expected API version (${apiVersion})`,
    );
  }
  if (saidKind !== '' && saidKind !== kind) {
    throw badRequest(`the kind in the data (${saidKind}) does not match the expected kind (${kind})`);
  }
  object['apiVersion'] = apiVersion;
  object['kind'] = kind;
}

/** The apiVersion. Go clients that put it together from its parts write the core group as nothing before the slash. */
export function versionSaid(object: JsonObject): string {
  return textAt(object, 'apiVersion').replace(/^\/(?=[^/]*$)/, '');
}

/** The body's namespace must be the URL's; an empty one is filled in, and cluster-wide objects lose theirs. @throws ApiError 400. */
export function checkNamespace(object: JsonObject, call: Call): void {
  const meta = metaOf(object);
  if (!call.resource.namespaced) {
    Reflect.deleteProperty(meta, 'namespace');
    return;
  }
  const said = textAt(meta, 'namespace');
  if (said !== '' && said !== call.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  meta['namespace'] = call.namespace;
}

/** The body's name must be the URL's. @throws ApiError 400. */
export function checkName(object: JsonObject, call: Call): void {
  const meta = metaOf(object);
  const said = textAt(meta, 'name');
  if (said === '') {
    throw badRequest(`the name of the object (${call.name} based on URL) was undeterminable: name must be provided`);
  }
  if (said !== call.name) {
    throw badRequest(`the name of the object (${said}) does not match the name on the URL (${call.name})`);
  }
}

/** Refuses or reports what the body had too much of. @throws ApiError 400. */
export function checkFields(
  found: Normalized,
  call: Pick<Call, 'validation' | 'repeated' | 'warnings'> & { resource: ResourceHead },
): void {
  if (found.malformed !== undefined) throw unreadable(call.resource, found.malformed);
  if (call.validation === 'Ignore') return;
  const problems = [...call.repeated, ...found.unknownFields.map((path) => `unknown field "${path}"`)];
  if (problems.length === 0) return;
  if (call.validation === 'Strict') throw unreadable(call.resource, `strict decoding error: ${problems.join(', ')}`);
  call.warnings.push(...problems);
}

/** The 400 for a body that cannot be read as an object of `resource`. */
function unreadable({ names, version }: ResourceHead, why: string): ApiError {
  return badRequest(`${names.kind} in version "${version}" cannot be handled as a ${names.kind}: ${why}`);
}

/**
 * With the owners of its fields an object is deeper than it was sent; its client must be able to send it back.
 * @param old  What was there before, and may stay.
 * @throws ApiError 400.
 */
export function refuseDeep(object: JsonObject, old?: JsonObject): void {
  if (isTooDeep(object, old)) throw badRequest(`the object, with what the server adds to it, ${TOO_DEEP}`);
}

/** @throws ApiError 422 when there are errors. */
export function refuseInvalid(object: JsonObject, call: Call, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  const name = textAt(metaOf(object), 'name');
  throw invalid({ group: call.resource.group, kind: call.resource.names.kind, name }, errors);
}
