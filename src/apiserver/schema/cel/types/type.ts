/** What kind of values an expression has. */
export interface CelType {
  kind:
    | ('bool' | 'bytes' | 'double' | 'duration' | 'dyn' | 'error' | 'int' | 'list' | 'map' | 'null_type')
    | ('opaque' | 'string' | 'struct' | 'timestamp' | 'type' | 'param' | 'uint');
  /** As type() and error messages say it. */
  name: string;
  /** Of lists, maps, optionals and types: what is in them. */
  params: readonly CelType[];
  /** Of the objects of a schema, by escaped name. */
  fields?: ReadonlyMap<string, CelType>;
}

function simple(kind: CelType['kind'], name: string = kind): CelType {
  return { kind, name, params: [] };
}

export const BOOL = simple('bool');
export const BYTES = simple('bytes');
export const DOUBLE = simple('double');
export const DURATION = simple('duration', 'google.protobuf.Duration');
export const DYN = simple('dyn');
export const ERROR = simple('error', '!error!');
export const INT = simple('int');
export const NULL = simple('null_type');
export const STRING = simple('string');
export const TIMESTAMP = simple('timestamp', 'google.protobuf.Timestamp');
export const UINT = simple('uint');

/** `list(element)`. */
export function listOf(element: CelType): CelType {
  return { kind: 'list', name: 'list', params: [element] };
}

/** `map(key, value)`. */
export function mapOf(key: CelType, value: CelType): CelType {
  return { kind: 'map', name: 'map', params: [key, value] };
}

/** `optional_type(value)`. */
export function optionalOf(value: CelType): CelType {
  return { kind: 'opaque', name: 'optional_type', params: [value] };
}

/** The type of the type `of`. */
export function typeOf(of?: CelType): CelType {
  return { kind: 'type', name: 'type', params: of === undefined ? [] : [of] };
}

/** A variable of a function's signature: any type, the same everywhere in it. */
export function param(name: string): CelType {
  return simple('param', name);
}

/** A type of a library, such as `kubernetes.Quantity`. */
export function structOf(name: string, fields?: ReadonlyMap<string, CelType>): CelType {
  return fields === undefined ? simple('struct', name) : { ...simple('struct', name), fields };
}

/** A type of a library that is no struct, such as `net.IP`. */
export function opaqueOf(name: string): CelType {
  return simple('opaque', name);
}

/** The element of an optional; undefined for everything else. */
export function optionalElement(type: CelType): CelType | undefined {
  return type.kind === 'opaque' && type.name === 'optional_type' ? type.params[0] : undefined;
}

/** Exactly the same type. */
export function sameType(a: CelType, b: CelType): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind || a.name !== b.name || a.params.length !== b.params.length) return false;
  return a.params.every((one, index) => sameType(one, b.params[index] ?? DYN));
}

const SHORT_NAMES: Readonly<Partial<Record<CelType['kind'], string>>> = {
  duration: 'duration',
  timestamp: 'timestamp',
  null_type: 'null',
};

/** As error messages print it: `map(string, list(int))`. */
export function typeText(type: CelType): string {
  const short = SHORT_NAMES[type.kind];
  if (short !== undefined || type.params.length === 0) return short ?? type.name;
  return `${type.name}(${type.params.map(typeText).join(', ')})`;
}
