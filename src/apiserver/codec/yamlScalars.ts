import { BodyError } from './bodyError.ts';
import { toJsonInteger } from './json.ts';
import type { JsonValue } from './json.ts';

const CONSTANTS: ReadonlyMap<string, JsonValue> = new Map<string, JsonValue>([
  ...words(null, ['', '~', 'null', 'Null', 'NULL']),
  ...words(true, ['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']),
  ...words(false, ['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF']),
]);
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
const INFINITE = /^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/;
const INT64_MAX = 2n ** 63n - 1n;

/** The value of an unquoted scalar by go-yaml v2's rules (YAML 1.1 without timestamps and sexagesimals). */
export function resolvePlain(text: string): JsonValue {
  const constant = CONSTANTS.get(text);
  if (constant !== undefined) return constant;
  if (INFINITE.test(text)) throw new BodyError(400, `error converting YAML to JSON: json: unsupported value: ${text}`);
  if (!/^[-+.0-9]/.test(text)) return text;
  return integer(text) ?? (FLOAT.test(text) ? finite(text) : text);
}

/** The value of a scalar with an explicit tag such as `!!str`. */
export function resolveTagged(tag: string, text: string): JsonValue {
  if (tag === 'tag:yaml.org,2002:str') return text;
  if (tag === 'tag:yaml.org,2002:binary') return Buffer.from(text, 'base64').toString('utf8');
  const value = resolvePlain(text);
  const fits: Readonly<Record<string, boolean>> = {
    'tag:yaml.org,2002:null': value === null,
    'tag:yaml.org,2002:bool': typeof value === 'boolean',
    'tag:yaml.org,2002:int': typeof value === 'bigint' || Number.isInteger(value),
    'tag:yaml.org,2002:float': typeof value === 'number',
  };
  if (fits[tag] ?? false) return value;
  throw new BodyError(400, `error converting YAML to JSON: yaml: cannot decode "${text}" as a ${tag}`);
}

function integer(text: string): number | bigint | undefined {
  const plain = text.replaceAll('_', '');
  const match = /^([-+]?)(0x[0-9a-fA-F]+|0b[01]+|0o?[0-7]+|0|[1-9][0-9]*)$/.exec(plain);
  if (match === null) return undefined;
  const [, sign, digits = ''] = match;
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const value = sign === '-' ? -magnitude : magnitude;
  if (value > 2n * INT64_MAX + 1n || value < -INT64_MAX - 1n) return Number(value);
  return toJsonInteger(value);
}

function finite(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value))
    throw new BodyError(400, `error converting YAML to JSON: json: unsupported value: ${text}`);
  return value === 0 ? 0 : value;
}

function words(value: JsonValue, texts: readonly string[]): [string, JsonValue][] {
  return texts.map((text) => [text, value]);
}
