import type { JsonObject } from '../codec/json.ts';
import { objectAt, textAt } from '../registry/object.ts';
import type { Strategy, VersionConversion } from '../registry/resource.ts';
import { ageOf, namesOf, type BuiltinDefinition } from './definition.ts';
import { eventErrors } from './eventChecks.ts';

const TTL_SECONDS = 3600;

const strategy: Strategy = {
  nameRule: 'DNS1123Subdomain',
  allowUnconditionalUpdate: true,
  createOnUpdate: true,
  tracksGeneration: false,
  ttlSeconds: TTL_SECONDS,
  // events about what happens while a namespace ends are wanted
  allowInTerminatingNamespace: true,
};

/** Fields of core/v1 that events.k8s.io/v1 calls otherwise. */
const RENAMED: readonly (readonly [core: string, events: string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['reportingComponent', 'reportingController'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
];

const conversion: VersionConversion = {
  toStorage: (object) => RENAMED.forEach(([core, events]) => rename(object, events, core)),
  fromStorage: (object) => RENAMED.forEach(([core, events]) => rename(object, core, events)),
  // required by the OpenAPI document, so that generated clients refuse an Event without it
  alwaysShown: ['eventTime'],
};

function rename(object: JsonObject, from: string, to: string): void {
  const value = object[from];
  Reflect.deleteProperty(object, from);
  if (value !== undefined) object[to] = value;
}

function selectableFields(object: JsonObject): Record<string, string> {
  const involved = objectAt(object, 'involvedObject');
  const fields: Record<string, string> = {};
  for (const key of ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath']) {
    fields[`involvedObject.${key}`] = textAt(involved, key);
  }
  const component = textAt(object, 'reportingComponent');
  return {
    ...fields,
    reason: textAt(object, 'reason'),
    reportingComponent: component,
    source: textAt(objectAt(object, 'source'), 'component') || component,
    type: textAt(object, 'type'),
  };
}

/** The event as core/v1 has it. */
function toCore(event: JsonObject): JsonObject {
  const copy = { ...event };
  conversion.toStorage(copy);
  return copy;
}

function lastSeen(object: JsonObject): string {
  return (
    textAt(objectAt(object, 'series'), 'lastObservedTime') ||
    textAt(object, 'lastTimestamp') ||
    textAt(object, 'deprecatedLastTimestamp') ||
    firstSeen(object)
  );
}

function firstSeen(object: JsonObject): string {
  return textAt(object, 'firstTimestamp') || textAt(object, 'deprecatedFirstTimestamp') || textAt(object, 'eventTime');
}

function objectOf(object: JsonObject): string {
  const about = objectAt(object, 'involvedObject') ?? objectAt(object, 'regarding');
  const parts = [textAt(about, 'kind').toLowerCase(), textAt(about, 'name')];
  return parts.every((part) => part === '') ? '' : parts.join('/');
}

function sourceOf(object: JsonObject): string {
  const source = objectAt(object, 'source') ?? objectAt(object, 'deprecatedSource');
  const component =
    textAt(source, 'component') || textAt(object, 'reportingComponent') || textAt(object, 'reportingController');
  const host = textAt(source, 'host') || textAt(object, 'reportingInstance');
  return host === '' ? component : `${component}, ${host}`;
}

function countOf(object: JsonObject): number {
  const count = objectAt(object, 'series')?.['count'] ?? object['count'] ?? object['deprecatedCount'];
  return typeof count === 'number' ? count : 1;
}

const columns: BuiltinDefinition['columns'] = [
  {
    name: 'Last Seen',
    type: 'string',
    description: 'When it was last seen.',
    cell: (o, now) => ageOf(lastSeen(o), now),
  },
  { name: 'Type', type: 'string', description: 'Normal or Warning.', jsonPath: '.type' },
  { name: 'Reason', type: 'string', description: 'Why.', jsonPath: '.reason' },
  { name: 'Object', type: 'string', description: 'The object it is about.', cell: objectOf },
  {
    name: 'Subobject',
    type: 'string',
    priority: 1,
    description: 'The part of the object.',
    cell: (o) => textAt(objectAt(o, 'involvedObject') ?? objectAt(o, 'regarding'), 'fieldPath'),
  },
  { name: 'Source', type: 'string', priority: 1, description: 'Who reports.', cell: sourceOf },
  {
    name: 'Message',
    type: 'string',
    description: 'What happened.',
    cell: (o) => (textAt(o, 'message') || textAt(o, 'note')).trim(),
  },
  {
    name: 'First Seen',
    type: 'string',
    priority: 1,
    description: 'When it was first seen.',
    cell: (o, now) => ageOf(firstSeen(o), now),
  },
  {
    name: 'Count',
    type: 'string',
    priority: 1,
    description: 'How often it was seen.',
    cell: countOf,
  },
];

/** core/v1 Event. */
export const coreEvents: BuiltinDefinition = {
  group: '',
  version: 'v1',
  names: namesOf('Event', 'events', ['ev']),
  namespaced: true,
  component: 'io.k8s.api.core.v1.Event',
  strategy: { ...strategy, validate: (object, old) => eventErrors(object, old, false) },
  columns,
  nameColumn: 'last',
  selectableFields,
};

/** events.k8s.io/v1 Event: the same objects in another form. */
export const events: BuiltinDefinition = {
  group: 'events.k8s.io',
  version: 'v1',
  names: namesOf('Event', 'events', ['ev']),
  namespaced: true,
  component: 'io.k8s.api.events.v1.Event',
  strategy: { ...strategy, validate: (object, old) => eventErrors(toCore(object), old && toCore(old), true) },
  columns,
  nameColumn: 'last',
  selectableFields,
  fieldLabels: new Map([
    ['reason', 'reason'],
    ['type', 'type'],
    ['reportingController', 'reportingComponent'],
    ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].flatMap(
      (key) =>
        [
          [`regarding.${key}`, `involvedObject.${key}`],
          [`involvedObject.${key}`, `involvedObject.${key}`],
        ] as const,
    ),
  ]),
  sharedWith: { group: '', version: 'v1', plural: 'events', conversion },
};
