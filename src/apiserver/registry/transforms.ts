import { stringifyJson, type JsonObject, type JsonValue } from '../codec/json.ts';
import type { CachedObject } from '../cache/cachedObject.ts';
import { yamlText } from '../codec/yamlText.ts';
import type { MediaType } from '../http/negotiate.ts';
import { fromJson } from './encoding.ts';
import type { ListResult } from './list.ts';
import type { ListOptions } from './listOptions.ts';
import { metaOf } from './object.ts';
import { apiVersionOf, type StoredResource } from './resource.ts';
import { cachedToItem, cachedToObject, shown } from './versions.ts';

/** `object` with nothing but its metadata. */
export function partialMetadata(object: JsonObject, version: string): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: metaOf(object) };
}

/** What objects are shown of. */
type Rendered = Pick<StoredResource, 'table' | 'conversion'>;

/** How a Table is asked for. */
export interface View {
  media: MediaType;
  includeObject: ListOptions['includeObject'];
  now: number;
}

/** One object as JSON in the form asked for. */
export function objectText(resource: Rendered, object: JsonObject, view: View): string {
  const { transform, version } = view.media;
  if (transform === 'PartialObjectMetadata') return stringifyJson(partialMetadata(object, version));
  if (transform !== 'Table') return stringifyJson(shown(resource, object));
  const resourceVersion = metaOf(object)['resourceVersion'] ?? '';
  return stringifyJson(table(resource, [object], { resourceVersion }, view));
}

/** JSON of a list in the form asked for, in pieces that make sense to send one by one. */
export function* listText(resource: StoredResource, result: ListResult, view: View): Generator<string> {
  if (view.media.transform === 'Table') {
    const objects = result.items.map((item) => cachedToObject(resource, item));
    yield stringifyJson(table(resource, objects, listMeta(resource, result, view), view));
    return;
  }
  const { kind, apiVersion, metadata, itemText } = listParts(resource, result, view);
  yield `{"kind":${stringifyJson(kind)},"apiVersion":${stringifyJson(apiVersion)},"metadata":${stringifyJson(metadata)},"items":[`;
  let first = true;
  for (const item of result.items) {
    const text = itemText(item);
    yield first ? text : `,${text}`;
    first = false;
  }
  yield ']}';
}

/** The same as YAML, for lists that are no Tables. */
export function* listYaml(resource: StoredResource, result: ListResult, view: View): Generator<string> {
  const { kind, apiVersion, metadata, itemText } = listParts(resource, result, view);
  if (result.items.length === 0) {
    yield yamlText({ apiVersion, items: [], kind, metadata });
    return;
  }
  // in the order of the keys, as all YAML is written here
  yield `${yamlText({ apiVersion })}items:\n`;
  for (const item of result.items) yield yamlText([fromJson(itemText(item))]);
  yield yamlText({ kind, metadata });
}

function listParts(resource: StoredResource, result: ListResult, view: View) {
  const partial = view.media.transform === 'PartialObjectMetadataList';
  return {
    kind: partial ? 'PartialObjectMetadataList' : resource.names.listKind,
    apiVersion: partial ? `meta.k8s.io/${view.media.version}` : apiVersionOf(resource),
    metadata: listMeta(resource, result, view),
    itemText: (item: CachedObject): string =>
      partial
        ? stringifyJson(partialMetadata(cachedToObject(resource, item), view.media.version))
        : cachedToItem(resource, item),
  };
}

function listMeta(resource: StoredResource, result: ListResult, { media }: View): JsonObject {
  const metadata: JsonObject = { resourceVersion: String(result.revision) };
  if (result.continueToken !== undefined) metadata['continue'] = result.continueToken;
  // as in kube-apiserver, whole lists of custom resources say so when nothing follows
  else if (resource.strategicKind === undefined && media.transform === 'None') metadata['continue'] = '';
  if (result.remaining !== undefined) metadata['remainingItemCount'] = result.remaining;
  return metadata;
}

function table(resource: Rendered, objects: JsonObject[], listMeta: Record<string, JsonValue>, view: View): JsonObject {
  return resource.table.table(objects, {
    apiVersion: `meta.k8s.io/${view.media.version}`,
    includeObject: view.includeObject,
    now: new Date(view.now),
    listMeta,
  });
}
