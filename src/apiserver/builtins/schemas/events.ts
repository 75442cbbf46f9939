import type { JsonObject } from '../../codec/json.ts';
import { int32, object, ref, text, time } from './build.ts';
import { kindSchema } from './meta.ts';

const event = kindSchema(
  'Something happened. Events are a help for people, kept for one hour; nothing should depend on them.',
  {
    eventTime: time('When it was first seen, with microseconds.'),
    series: object(
      'A run of equal events.',
      { count: int32('How many so far.'), lastObservedTime: time('When the last one was seen.') },
      { required: ['count', 'lastObservedTime'] },
    ),
    reportingController: text('Controller that reports, such as `kubernetes.io/kubelet`.'),
    reportingInstance: text('Instance of the controller.'),
    action: text('What was done about the object.'),
    reason: text('Why, one CamelCase word.'),
    regarding: ref('io.k8s.api.core.v1.ObjectReference', 'The object this event is about.'),
    related: ref('io.k8s.api.core.v1.ObjectReference', 'Another object with a part in it.'),
    note: text('What happened, for people; at most 1 kB.'),
    type: text('Normal or Warning; others may follow.'),
    deprecatedSource: ref('io.k8s.api.core.v1.EventSource', 'As source of core/v1.'),
    deprecatedFirstTimestamp: time('As firstTimestamp of core/v1.'),
    deprecatedLastTimestamp: time('As lastTimestamp of core/v1.'),
    deprecatedCount: int32('As count of core/v1.'),
  },
);

/** Components of events.k8s.io/v1. */
export const eventsComponents: Readonly<Record<string, JsonObject>> = { 'io.k8s.api.events.v1.Event': event };
