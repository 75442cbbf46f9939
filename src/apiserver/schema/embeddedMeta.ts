import { cloneJson, isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { invalid, required } from './fieldErrors.ts';
import type { FieldError } from './fieldErrors.ts';
import { checkDns1035Label } from './names.ts';
import { validateObjectMeta } from './objectMeta.ts';
import { childNode } from './structural.ts';
import type { StructuralNode } from './structural.ts';

/** Validates apiVersion, kind and metadata of every embedded resource below `value`. */
export function checkEmbedded(value: JsonValue, node: StructuralNode | undefined, path = ''): FieldError[] {
  if (node === undefined || !hasEmbedded(node)) return [];
  if (Array.isArray(value)) return value.flatMap((item, index) => checkEmbedded(item, node.items, `${path}[${index}]`));
  if (!isJsonObject(value)) return [];
  const errors = node.embeddedResource ? checkResource(value, path) : [];
  for (const key of Object.keys(value)) {
    const at = node.properties.has(key) ? join(path, key) : `${path}[${key}]`;
    errors.push(...checkEmbedded(value[key] ?? null, childNode(node, key), at));
  }
  return errors;
}

const known = new WeakMap<StructuralNode, boolean>();

/** Whether anything at or below `node` is an embedded resource. */
export function hasEmbedded(node: StructuralNode): boolean {
  const cached = known.get(node);
  if (cached !== undefined) return cached;
  const { items, additionalProperties } = node;
  const found =
    node.embeddedResource ||
    (items !== undefined && hasEmbedded(items)) ||
    (typeof additionalProperties === 'object' && hasEmbedded(additionalProperties)) ||
    [...node.properties.values()].some(hasEmbedded);
  known.set(node, found);
  return found;
}

function checkResource(object: JsonObject, path: string): FieldError[] {
  return [
    ...checkVersion(member(object, 'apiVersion'), join(path, 'apiVersion')),
    ...checkKind(member(object, 'kind'), join(path, 'kind')),
    ...checkMetadata(object, join(path, 'metadata')),
  ];
}

function checkVersion(value: JsonValue | undefined, path: string): FieldError[] {
  const text = checkName(value, path);
  if (typeof text !== 'string') return text;
  return text.split('/').length > 2 ? [invalid(path, text, `unexpected GroupVersion string: ${text}`)] : [];
}

function checkKind(value: JsonValue | undefined, path: string): FieldError[] {
  const text = checkName(value, path);
  if (typeof text !== 'string') return text;
  const errors = checkDns1035Label(text.toLowerCase());
  if (errors.length === 0) return [];
  return [invalid(path, text, `may have mixed case, but should otherwise match: ${errors.join(',')}`)];
}

function checkName(value: JsonValue | undefined, path: string): string | FieldError[] {
  if (value === undefined) return [required(path)];
  if (typeof value !== 'string') return [invalid(path, value, 'must be a string')];
  return value === '' ? [invalid(path, value, 'must not be empty')] : value;
}

function checkMetadata(object: JsonObject, path: string): FieldError[] {
  const metadata = member(object, 'metadata');
  if (!isJsonObject(metadata)) return [];
  const named = cloneJson(metadata);
  // A name is not demanded; validation needs one.
  if ((member(named, 'name') ?? '') === '') named['name'] = 'fakename';
  const namespace = member(named, 'namespace') ?? '';
  return validateObjectMeta({ metadata: named }, 'PathSegment', namespace !== '', path);
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
