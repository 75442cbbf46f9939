import type { JsonObject } from '../codec/json.ts';
import type { ResourceNames, Strategy, VersionConversion } from '../registry/resource.ts';
import type { PrinterColumn } from '../table/table.ts';

/** One built-in kind, as data. */
export interface BuiltinDefinition {
  group: string;
  version: string;
  names: ResourceNames;
  namespaced: boolean;
  /** Name of its schema among the OpenAPI components. */
  component: string;
  strategy: Strategy;
  columns: readonly PrinterColumn[];
  /** Where the Name column stands: first, or last and only with `-o wide` (events). */
  nameColumn?: 'last';
  /** Values of selectable fields of a stored object, beside metadata.name and metadata.namespace. */
  selectableFields?: (object: JsonObject) => Record<string, string>;
  /** Field selectors of this version → names given by `selectableFields`; default: the same names. */
  fieldLabels?: ReadonlyMap<string, string>;
  status?: boolean;
  /** Drops what its schema is too general to know of, and returns the paths. */
  dropUnknown?: (object: JsonObject) => string[];
  /** Members that a write to a subresource cannot change, where it is not only spec for status; path elements. */
  resetFields?: (subresource: string) => readonly string[];
  /** Default: all that there are. */
  verbs?: readonly string[];
  finalize?: boolean;
  token?: boolean;
  /** When the objects are those of another resource, shown in another form. */
  sharedWith?: { group: string; version: string; plural: string; conversion: VersionConversion };
}

/** Names of a resource from its kind; the plural is given, as English is no function. */
export function namesOf(kind: string, plural: string, shortNames: readonly string[] = []): ResourceNames {
  return { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List`, shortNames, categories: [] };
}

/** Age since creation, the usual last column. */
export const AGE: PrinterColumn = {
  name: 'Age',
  type: 'string',
  description: 'Time since the object was created.',
  cell: (object, now) => ageOf(createdAt(object), now),
};

function createdAt(object: JsonObject): string {
  const { metadata } = object;
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return '';
  const time = metadata['creationTimestamp'];
  return typeof time === 'string' ? time : '';
}

/** How long ago `time` (RFC 3339) was, as kubectl shows it; `<unknown>` for no time. */
export function ageOf(time: string, now: Date): string {
  const then = Date.parse(time);
  if (Number.isNaN(then)) return '<unknown>';
  return shortDuration(Math.floor((now.getTime() - then) / 1000));
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** Steps of {@link shortDuration}: below `until` seconds, so many `unit`s and, where given, the rest in `rest`s. */
const STEPS: readonly { until: number; unit: [number, string]; rest?: [number, string] }[] = [
  { until: 2 * MINUTE, unit: [1, 's'] },
  { until: 10 * MINUTE, unit: [MINUTE, 'm'], rest: [1, 's'] },
  { until: 3 * HOUR, unit: [MINUTE, 'm'] },
  { until: 8 * HOUR, unit: [HOUR, 'h'], rest: [MINUTE, 'm'] },
  { until: 2 * DAY, unit: [HOUR, 'h'] },
  { until: 8 * DAY, unit: [DAY, 'd'], rest: [HOUR, 'h'] },
  { until: 2 * YEAR, unit: [DAY, 'd'] },
  { until: 8 * YEAR, unit: [YEAR, 'y'], rest: [DAY, 'd'] },
  { until: Infinity, unit: [YEAR, 'y'] },
];

/** Seconds with two or three significant digits: `95s`, `5m10s`, `3h`, `2d4h`, as kubectl does. */
function shortDuration(seconds: number): string {
  if (seconds < -1) return '<invalid>';
  const whole = Math.max(0, seconds);
  for (const { until, unit, rest } of STEPS) {
    if (whole >= until) continue;
    const [size, letter] = unit;
    const text = `${Math.floor(whole / size)}${letter}`;
    if (rest === undefined) return text;
    const left = Math.floor((whole % size) / rest[0]);
    return left === 0 ? text : `${text}${left}${rest[1]}`;
  }
  return '<unknown>';
}
