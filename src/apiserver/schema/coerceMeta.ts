import { childOf, cloneJson, isJsonObject } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { hasEmbedded } from './embeddedMeta.ts';
import { fitShape, OBJECT_META } from './metadataShape.ts';
import { errorText, invalid, type FieldError } from './fieldErrors.ts';
import { goJsonType } from './goText.ts';
import { childNode } from './structural.ts';
import type { StructuralNode } from './structural.ts';

/** What {@link coerceMetadata} found. */
export interface CoercedMetadata {
  /** Fields that metadata does not have; they have been removed. */
  unknown: string[];
  /** The first malformed field, when malformed fields are not to be dropped. */
  error: string | undefined;
}

/**
 * Brings apiVersion, kind and metadata of the object and of every embedded resource into shape, in place.
 * @param options.dropMalformed  true (objects from storage): what has the wrong type is removed; false: it is an error.
 * @param options.old  Is in shape: what `object` shares with it at the same place is passed over.
 */
export function coerceMetadata(
  object: JsonObject,
  root: StructuralNode,
  { dropMalformed, old }: { dropMalformed: boolean; old?: JsonObject | undefined },
): CoercedMetadata {
  const coercer = new Coercer(dropMalformed);
  coercer.resource(object, '', old);
  coercer.members(object, root, { path: '', old });
  const { error, unknown } = coercer;
  // of the object itself only what is wrong is told
  const text = error?.field === 'metadata' ? error.detail : error && errorText(error);
  return { unknown: unknown.sort(), error: text };
}

/** Brings every embedded resource at and below `value` into shape, in place. @returns the first malformed field. */
export function coerceEmbedded(value: JsonValue, node: StructuralNode): FieldError | undefined {
  const coercer = new Coercer(false);
  if (node.embeddedResource && isJsonObject(value)) coercer.resource(value, '', undefined);
  coercer.members(value, node, { path: '', old: undefined });
  return coercer.error;
}

/** Where a value lies, and what lay there before. */
interface Place {
  path: string;
  old: JsonValue | undefined;
}

class Coercer {
  readonly unknown: string[] = [];
  error: FieldError | undefined;
  readonly #dropMalformed: boolean;

  constructor(dropMalformed: boolean) {
    this.#dropMalformed = dropMalformed;
  }

  members(value: JsonValue, node: StructuralNode | undefined, { path, old }: Place): void {
    // few schemas embed resources; no path is spelt out where there are none
    if (node === undefined || !hasEmbedded(node)) return;
    if (Array.isArray(value)) {
      value.forEach((item, index) => {
        this.#value(item, node.items, { path: `${path}[${index}]`, old: childOf(old, index) });
      });
    } else if (isJsonObject(value)) {
      for (const key of Object.keys(value)) {
        const place = { path: path === '' ? key : `${path}.${key}`, old: childOf(old, key) };
        this.#value(value[key] ?? null, childNode(node, key), place);
      }
    }
  }

  #value(value: JsonValue, node: StructuralNode | undefined, place: Place): void {
    if (node === undefined || typeof value !== 'object' || value === null || value === place.old) return;
    if (node.embeddedResource && isJsonObject(value)) this.resource(value, `${place.path}.`, place.old);
    this.members(value, node, place);
  }

  resource(object: JsonObject, prefix: string, old: JsonValue | undefined): void {
    for (const key of ['apiVersion', 'kind']) {
      if (!Object.hasOwn(object, key) || typeof object[key] === 'string') continue;
      if (this.#dropMalformed) Reflect.deleteProperty(object, key);
      else this.#fail(invalid(`${prefix}${key}`, object[key] ?? null, 'must be a string'));
    }
    if (Object.hasOwn(object, 'metadata')) {
      this.#metadata(object, { path: `${prefix}metadata`, old: childOf(old, 'metadata') });
    }
  }

  #metadata(object: JsonObject, { path, old }: Place): void {
    const metadata = object['metadata'] ?? null;
    if (metadata === null) Reflect.deleteProperty(object, 'metadata');
    else if (metadata === old) return;
    else if (isJsonObject(metadata)) this.#fields(metadata, { path, old });
    else if (this.#dropMalformed) Reflect.deleteProperty(object, 'metadata');
    else {
      const problem = `json: cannot unmarshal ${goJsonType(metadata)} into Go value of type v1.ObjectMeta`;
      this.#fail(invalid(path, metadata, problem));
    }
  }

  /** One field at a time, so that one malformed field costs only itself. */
  #fields(metadata: JsonObject, { path, old }: Place): void {
    for (const key of Object.keys(metadata)) {
      const value = metadata[key] ?? null;
      if (value === childOf(old, key)) continue;
      const single: JsonObject = { [key]: value };
      const problems: string[] = [];
      fitShape(single, OBJECT_META, path, {
        unknown: (where) => this.unknown.push(where),
        malformed: (message) => problems.push(message),
      });
      const [problem] = problems;
      if (problem !== undefined && !this.#dropMalformed) this.#fail(invalid(path, metadata, problem));
      if (!Object.hasOwn(single, key) || problem !== undefined) Reflect.deleteProperty(metadata, key);
      else metadata[key] = single[key] ?? null;
    }
  }

  #fail(error: FieldError): void {
    // what is malformed is removed afterwards
    this.error ??= { ...error, badValue: cloneJson(error.badValue ?? null) };
  }
}
