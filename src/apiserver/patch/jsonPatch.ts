import { cloneJson, equalJson, isJsonObject, member, stringifyJson } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { isTooDeep, TOO_DEEP } from '../codec/plainJson.ts';
import { PatchError } from './patchError.ts';

/** Operations one patch may have; kube's limit. */
const MAX_OPERATIONS = 10_000;
/** What all `copy` operations of a patch may add as JSON; each can double the document. kube's limit. */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

interface Operation {
  op: string;
  path: string;
  from: string | undefined;
  value: JsonValue;
}

/**
 * Applies an RFC 6902 patch. The document is not changed.
 * @throws PatchError  400 malformed, 413 more than 10,000 operations, 422 an operation does not apply or a test fails, or
 * what comes of it is too deep.
 */
export function applyJsonPatch(document: JsonObject, patch: JsonValue): JsonObject {
  if (!Array.isArray(patch)) throw new PatchError(400, 'a JSON patch must be a list of operations');
  if (patch.length > MAX_OPERATIONS) {
    throw new PatchError(
      413,
      `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${patch.length}`,
    );
  }
  const root = edited(document, patch.map(parseOperation));
  // of all patches only these move things further down
  if (isTooDeep(root)) throw tooDeep();
  if (!isJsonObject(root))
    throw new PatchError(422, 'the patch would replace the object with something that is no object');
  return root;
}

function edited(document: JsonObject, operations: readonly Operation[]): JsonValue {
  const editor = new Editor(cloneJson(document));
  try {
    for (const operation of operations) editor.apply(operation);
  } catch (error) {
    // copies of copies, deeper than anything can follow
    if (error instanceof RangeError) throw tooDeep();
    throw error;
  }
  return editor.root;
}

function tooDeep(): PatchError {
  return new PatchError(422, `the patched object ${TOO_DEEP}`);
}

function parseOperation(operation: JsonValue, index: number): Operation {
  if (!isJsonObject(operation)) throw new PatchError(400, `operation ${index} of the JSON patch is no object`);
  const op = member(operation, 'op');
  const path = member(operation, 'path');
  const from = member(operation, 'from');
  if (typeof op !== 'string' || typeof path !== 'string') {
    throw new PatchError(400, `operation ${index} of the JSON patch lacks "op" or "path"`);
  }
  const value = member(operation, 'value') ?? null;
  return { op, path, from: typeof from === 'string' ? from : undefined, value };
}

/** Where a pointer leads: a place in an object or list. */
interface Place {
  parent: JsonValue[] | JsonObject;
  key: string;
}

class Editor {
  root: JsonValue;
  #copied = 0;

  constructor(root: JsonValue) {
    this.root = root;
  }

  apply(operation: Operation): void {
    const run = Object.hasOwn(this.#operations, operation.op) ? this.#operations[operation.op] : undefined;
    if (run === undefined) throw new PatchError(422, `Unexpected kind: ${operation.op}`);
    run(operation);
  }

  readonly #operations: Readonly<Record<string, (operation: Operation) => void>> = {
    add: ({ path, value }) => this.#add('add', path, cloneJson(value)),
    remove: ({ path }) => this.#remove('remove', path),
    replace: ({ path, value }) => this.#set(path, cloneJson(value)),
    move: ({ path, from }) => {
      const source = this.#from('move', from);
      if (path !== source && `${path}/`.startsWith(`${source}/`)) {
        throw new PatchError(422, `move operation does not apply: ${source} cannot move into itself`);
      }
      this.#add('move', path, this.#remove('move', source));
    },
    copy: ({ path, from }) => this.#add('copy', path, this.#copy(this.#require('copy', this.#from('copy', from)))),
    test: ({ path, value }) => {
      if (!equalJson(this.#find(path) ?? null, value)) {
        throw new PatchError(422, `testing value ${path} failed: test failed`);
      }
    },
  };

  #from(op: string, from: string | undefined): string {
    if (from === undefined) throw new PatchError(400, `a ${op} operation of the JSON patch lacks "from"`);
    return from;
  }

  #copy(value: JsonValue): JsonValue {
    this.#copied += Buffer.byteLength(stringifyJson(value));
    if (this.#copied > MAX_COPIED_BYTES) {
      throw new PatchError(
        422,
        `Unable to complete the copy, the accumulated size increase of copy is ${this.#copied}, exceeding the limit ${MAX_COPIED_BYTES}`,
      );
    }
    return cloneJson(value);
  }

  #add(op: string, path: string, value: JsonValue): void {
    if (path === '') {
      this.root = value;
      return;
    }
    const { parent, key } = this.#place(op, path);
    if (!Array.isArray(parent)) parent[key] = value;
    else if (key === '-') parent.push(value);
    else parent.splice(indexOf(op, path, key, parent.length), 0, value);
  }

  #remove(op: string, path: string): JsonValue {
    const removed = this.#require(op, path);
    if (path === '') throw new PatchError(422, `${op} operation does not apply: the whole object cannot be removed`);
    const { parent, key } = this.#place(op, path);
    if (Array.isArray(parent)) parent.splice(placeIn(parent.length, key) ?? 0, 1);
    else Reflect.deleteProperty(parent, key);
    return removed;
  }

  /** Writes to a place in a list that exists, or in an object: kube-apiserver lets `replace` add a member. */
  #set(path: string, value: JsonValue): void {
    if (path === '') {
      this.root = value;
      return;
    }
    const { parent, key } = this.#place('replace', path);
    if (!Array.isArray(parent)) {
      parent[key] = value;
      return;
    }
    this.#require('replace', path);
    parent[placeIn(parent.length, key) ?? 0] = value;
  }

  #require(op: string, path: string): JsonValue {
    const value = this.#find(path);
    if (value === undefined) {
      throw new PatchError(422, `${op} operation does not apply: doc is missing key: ${path}: missing value`);
    }
    return value;
  }

  #find(path: string): JsonValue | undefined {
    let value: JsonValue | undefined = this.root;
    for (const key of keysOf(path)) value = childOf(value, key);
    return value;
  }

  #place(op: string, path: string): Place {
    const keys = keysOf(path);
    const key = keys.pop() ?? '';
    let parent: JsonValue | undefined = this.root;
    for (const step of keys) parent = childOf(parent, step);
    if (typeof parent !== 'object' || parent === null) {
      throw new PatchError(422, `${op} operation does not apply: doc is missing path: "${path}": missing value`);
    }
    if (key === '__proto__') throw new PatchError(422, 'the key "__proto__" is not supported');
    return { parent, key };
  }
}

function keysOf(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw new PatchError(422, `the path "${pointer}" does not start with a slash`);
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function childOf(value: JsonValue | undefined, key: string): JsonValue | undefined {
  if (Array.isArray(value)) return value[placeIn(value.length, key) ?? value.length];
  return isJsonObject(value) ? member(value, key) : undefined;
}

/** Which of `length` items is meant; as in kube-apiserver, -1 is the last. undefined = none. */
function placeIn(length: number, key: string): number | undefined {
  if (!/^(0|-?[1-9]\d*)$/.test(key)) return undefined;
  const index = Number(key) < 0 ? Number(key) + length : Number(key);
  return index >= 0 && index < length ? index : undefined;
}

function indexOf(op: string, path: string, key: string, length: number): number {
  const index = placeIn(length + 1, key);
  if (index === undefined) {
    throw new PatchError(
      422,
      `${op} operation does not apply: doc is missing path: "${path}": invalid index referenced`,
    );
  }
  return index;
}
