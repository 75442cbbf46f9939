import { equalJson, type JsonObject, type JsonValue } from '../codec/json.ts';
import { metaOf, objectAt, textAt } from '../registry/object.ts';
import { invalid, required, type FieldError } from '../schema/fieldErrors.ts';
import { checkQualifiedName } from '../schema/names.ts';

/** Most characters of fields of events with a time of their own. */
const MAX_LENGTHS = { reportingInstance: 128, action: 128, reason: 128, message: 1024 } as const;
const NAMESPACE = 'involvedObject.namespace';
const MISMATCH = 'does not match event.namespace';

/** Fields that only old clients set, and only through core/v1. */
const OLD = ['firstTimestamp', 'lastTimestamp', 'count'];
/** Fields that an update through events.k8s.io may not change. */
const FIXED = [
  'involvedObject',
  'reason',
  'message',
  'source',
  ...OLD,
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
];

/**
 * Checks an event in the form and with the field names of core/v1, as kube-apiserver does: events without `eventTime`
 * are those of old clients, and what is written through events.k8s.io has to meet more than the others.
 * @param strict  The request came through events.k8s.io.
 */
export function eventErrors(event: JsonObject, old: JsonObject | undefined, strict: boolean): FieldError[] {
  const controller = strict ? 'reportingController' : 'reportingComponent';
  const errors = textAt(event, 'eventTime') === '' ? oldEventErrors(event) : newEventErrors(event, controller);
  if (!strict) return errors;
  return [...errors, ...(old === undefined ? createErrors(event) : updateErrors(event, old))];
}

function oldEventErrors(event: JsonObject): FieldError[] {
  const about = textAt(objectAt(event, 'involvedObject'), 'namespace');
  const own = textAt(metaOf(event), 'namespace');
  // objects without a namespace have their events in `default`
  return about === own || (about === '' && own === 'default') ? [] : [invalid(NAMESPACE, about, MISMATCH)];
}

function newEventErrors(event: JsonObject, controller: string): FieldError[] {
  const errors: FieldError[] = [];
  const about = textAt(objectAt(event, 'involvedObject'), 'namespace');
  const own = textAt(metaOf(event), 'namespace');
  if (about === '' && own !== 'default' && own !== 'kube-system') errors.push(invalid(NAMESPACE, about, MISMATCH));
  const component = textAt(event, 'reportingComponent');
  if (component === '') errors.push(required(controller));
  errors.push(...checkQualifiedName(component).map((text) => invalid(controller, component, text)));
  for (const [field, max] of Object.entries(MAX_LENGTHS)) {
    const value = textAt(event, field);
    if (value === '' && field !== 'message') errors.push(required(field));
    if (Buffer.byteLength(value) > max) errors.push(invalid(field, '', `can have at most ${max} characters`));
  }
  return errors;
}

function createErrors(event: JsonObject): FieldError[] {
  const errors = seriesErrors(event);
  if (textAt(event, 'eventTime') === '') errors.push(required('eventTime'));
  const type = textAt(event, 'type');
  if (type !== 'Normal' && type !== 'Warning') errors.push(invalid('type', '', `has invalid value: ${type}`));
  for (const field of [...OLD, 'source']) {
    if (isSet(event[field])) errors.push(invalid(field, '', 'needs to be unset'));
  }
  return errors;
}

function isSet(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== '' && value !== 0 && !equalJson(value, {});
}

function updateErrors(event: JsonObject, old: JsonObject): FieldError[] {
  const errors = equalJson(event['series'], old['series']) ? [] : seriesErrors(event);
  for (const field of FIXED) {
    if (equalJson(event[field], old[field])) continue;
    const name = field === 'reportingComponent' ? 'reportingController' : field;
    errors.push(invalid(name, event[field] ?? null, 'field is immutable'));
  }
  return errors;
}

function seriesErrors(event: JsonObject): FieldError[] {
  const series = objectAt(event, 'series');
  if (series === undefined) return [];
  const errors: FieldError[] = [];
  const { count = 0 } = series;
  if (typeof count !== 'number' || count < 2) errors.push(invalid('series.count', '', 'should be at least 2'));
  if (textAt(series, 'lastObservedTime') === '') errors.push(required('series.lastObservedTime'));
  return errors;
}
