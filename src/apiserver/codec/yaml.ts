import type { Document, Node, Pair, Scalar, YAMLMap } from 'yaml';
import { yaml } from '../../lib/yaml.ts';
import { BodyError } from './bodyError.ts';
import { isJsonObject } from './json.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { parseJson } from './jsonParser.ts';
import { MAX_DEPTH, TOO_DEEP } from './plainJson.ts';
import type { ParsedJson } from './jsonParser.ts';
import { checkYamlLimits } from './yamlLimits.ts';
import { resolvePlain, resolveTagged } from './yamlScalars.ts';

/** Nodes an object may have after aliases are followed; a billion-laughs document ends here. */
const MAX_NODES = 200_000;
const MERGE_KEY = '<<';

/**
 * Reads the first YAML document as kube does (YAML 1.1 booleans and octals, as go-yaml v2): the value it would have as
 * JSON, with duplicate keys noticed.
 * @throws BodyError 400.
 */
export function parseYaml(text: string): ParsedJson {
  const json = asJson(text);
  if (json !== undefined) return json;
  checkYamlLimits(text);
  const [document] = parse(text);
  if (document === undefined) return { value: null, duplicateFields: [] };
  const [problem] = document.errors;
  if (problem !== undefined) throw new BodyError(400, `error converting YAML to JSON: yaml: ${firstLine(problem)}`);
  const converter = new Converter(document);
  const value = converter.node(document.contents, []);
  const keys = converter.repeated.map(({ key, at }) => `line ${lineOf(text, at)}: key "${key}" already set in map`);
  return { value, duplicateFields: [...converter.duplicates], repeatedKeys: keys };
}

/** YAML that is JSON is read as such: exact and fast. Clients send server-side apply like this. */
function asJson(text: string): ParsedJson | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof BodyError) return undefined; // flow style that only YAML understands
    throw error;
  }
}

function parse(text: string): Document[] {
  try {
    // failsafe: every plain scalar stays text, resolvePlain gives it Go's meaning.
    const documents = yaml().parseAllDocuments(text, {
      schema: 'failsafe',
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'silent',
    });
    return Array.isArray(documents) ? documents : [];
  } catch (error) {
    throw new BodyError(400, `error converting YAML to JSON: yaml: ${firstLine(error)}`);
  }
}

type Path = readonly (string | number)[];

class Converter {
  readonly #document: Document;
  #nodes = 0;
  readonly duplicates = new Set<string>();
  /** Each key that is there already, with its place in the text. */
  readonly repeated: { key: string; at: number }[] = [];

  constructor(document: Document) {
    this.#document = document;
  }

  node(node: unknown, path: Path): JsonValue {
    if (++this.#nodes > MAX_NODES)
      throw new BodyError(400, 'error converting YAML to JSON: yaml: document contains excessive aliasing');
    if (path.length > MAX_DEPTH) throw new BodyError(400, TOO_DEEP);
    const { isAlias, isScalar, isSeq, isMap } = yaml();
    if (isAlias(node)) return this.node(this.#resolve(node.source, node.resolve(this.#document)), path);
    if (isScalar(node)) return scalar(node);
    if (isSeq(node)) return node.items.map((item, index) => this.node(item, [...path, index]));
    if (isMap(node)) return this.#map(node, path);
    return null;
  }

  #resolve(name: string, target: Node | undefined): Node {
    if (target === undefined)
      throw new BodyError(400, `error converting YAML to JSON: yaml: unknown anchor '${name}' referenced`);
    return target;
  }

  #map(map: YAMLMap, path: Path): JsonObject {
    const object: JsonObject = {};
    const merged: JsonObject[] = [];
    for (const pair of map.items) {
      const key = this.#key(pair, path);
      const value = this.node(pair.value, [...path, key]);
      if (key === MERGE_KEY && isPlain(pair.key)) merged.push(...mergeSources(value));
      else {
        if (Object.hasOwn(object, key)) this.#noteDuplicate(path, key, pair);
        object[key] = value;
      }
    }
    for (const source of merged) {
      for (const [key, value] of Object.entries(source)) if (!Object.hasOwn(object, key)) object[key] = value;
    }
    return object;
  }

  #key(pair: Pair, path: Path): string {
    const value = this.node(pair.key, path);
    if (typeof value === 'object' && value !== null) {
      throw new BodyError(400, 'error converting YAML to JSON: a map or list cannot be a key');
    }
    if (value === '__proto__') throw new BodyError(400, 'the object key "__proto__" is not supported');
    return String(value);
  }

  #noteDuplicate(path: Path, key: string, pair: Pair): void {
    if (this.duplicates.size >= 100) return;
    const text = [...path, key].map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('');
    this.duplicates.add(text.replace(/^\./, ''));
    this.repeated.push({ key, at: yaml().isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0 });
  }
}

function lineOf(text: string, at: number): number {
  return text.slice(0, at).split('\n').length;
}

function mergeSources(value: JsonValue): JsonObject[] {
  const sources = Array.isArray(value) ? value : [value];
  if (!sources.every(isJsonObject)) {
    throw new BodyError(
      400,
      'error converting YAML to JSON: yaml: map merge requires map or sequence of maps as the value',
    );
  }
  return sources;
}

function isPlain(node: unknown): boolean {
  return yaml().isScalar(node) && node.type === 'PLAIN';
}

function scalar(node: Scalar): JsonValue {
  const text = typeof node.value === 'string' ? node.value : (node.source ?? '');
  if (node.tag !== undefined && node.tag !== '!') return resolveTagged(node.tag, text);
  return node.type === 'PLAIN' || node.type === undefined ? resolvePlain(node.source ?? text) : text;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}
