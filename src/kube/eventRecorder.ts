import { randomBytes } from 'node:crypto';
import type { KubeObject } from '../api/meta.ts';
import { type Clock, systemClock, toTime } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { type Redactor, redactor as processRedactor } from '../lib/redaction.ts';
import { ApiError, isNotFound } from './apiError.ts';
import type { Client } from './client.ts';
import { events, type KubeEvent } from './resource.ts';

/** One thing that happened to an object, for `kubectl describe`. */
export interface EventNote {
  type: 'Normal' | 'Warning';
  /** CamelCase, from api/reasons.ts or a past-tense fact such as `DockerInstalled`. */
  reason: string;
  /** At most 1024 characters are kept; redacted. */
  message: string;
}

/** What makes an {@link EventRecorder}. */
export interface EventRecorderOptions {
  client: Client;
  log: Logger;
  /** Who reports, such as `hostler-server-controller`. */
  component: string;
  /** Which of several replicas; its identity. */
  instance?: string;
  clock?: Clock;
  redactor?: Redactor;
}

const MAX_MESSAGE = 1024;
/** Events that wait to be written; more are dropped, oldest first. */
const MAX_WAITING = 1000;
const MAX_SERIES = 4096;
/** As client-go: per object 25 at once, then one every five minutes. */
const BURST = 25;
const REFILL_MS = 300_000;
/** As client-go: so many different messages of one reason within ten minutes are told as one. */
const MAX_SIMILAR = 10;
const SIMILAR_MS = 600_000;
/** A repeated Event counts on within this time; after it the API may have dropped the old one, so a new one begins. */
const SERIES_MS = 1_800_000;
const TRIES = 5;
const RETRY_MS = 2000;

interface Series {
  event: KubeEvent;
  stored: boolean;
}

/**
 * Writes Kubernetes Events. Repeats are counted on one Event, floods are dropped, secrets are taken out, and nothing
 * ever throws or waits: Events are for people and must not disturb the work they tell of.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #series = new Map<string, Series>();
  readonly #budget = new Map<string, { tokens: number; at: number }>();
  readonly #similar = new Map<string, { since: number; messages: Set<string> }>();
  readonly #waiting = new Set<Series>();
  #writing: Promise<void> | undefined;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Queues the Event and returns at once. */
  record(object: KubeObject, note: EventNote): void {
    const { uid = '' } = object.metadata;
    const redactor = this.#options.redactor ?? processRedactor;
    const redacted = redactor.redact(note.message).slice(0, MAX_MESSAGE);
    if (!this.#spend(uid)) return;
    const message = this.#combine(`${uid} ${note.type} ${note.reason}`, redacted);
    const key = `${uid} ${note.type} ${note.reason} ${message}`;
    const series = this.#count(key) ?? this.#begin(key, object, { ...note, message });
    this.#waiting.add(series);
    const oldest = this.#waiting.values().next();
    if (this.#waiting.size > MAX_WAITING && oldest.done !== true) this.#waiting.delete(oldest.value);
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when everything queued so far was written or given up. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Whether this object may have another Event. */
  #spend(uid: string): boolean {
    const now = this.#clock.now();
    const known = this.#budget.get(uid) ?? { tokens: BURST, at: now };
    const tokens = Math.min(BURST, known.tokens + (now - known.at) / REFILL_MS);
    remember(this.#budget, uid, { tokens: tokens < 1 ? tokens : tokens - 1, at: now });
    return tokens >= 1;
  }

  /** The message, or, after many different ones for one reason, one that stands for all of them. */
  #combine(group: string, message: string): string {
    const now = this.#clock.now();
    const known = this.#similar.get(group);
    const fresh =
      known !== undefined && now - known.since < SIMILAR_MS ? known : { since: now, messages: new Set<string>() };
    fresh.messages.add(message);
    remember(this.#similar, group, fresh);
    return fresh.messages.size > MAX_SIMILAR ? '(combined from similar events)' : message;
  }

  #count(key: string): Series | undefined {
    const series = this.#series.get(key);
    const now = this.#clock.now();
    if (series === undefined || now - Date.parse(series.event.lastTimestamp) > SERIES_MS) return undefined;
    series.event.count++;
    series.event.lastTimestamp = toTime(now);
    return series;
  }

  #begin(key: string, object: KubeObject, note: EventNote): Series {
    const { name, namespace, uid, resourceVersion } = object.metadata;
    const { component, instance = '' } = this.#options;
    const now = toTime(this.#clock.now());
    const event: KubeEvent = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${randomBytes(8).toString('hex')}`, namespace: namespace ?? 'default' },
      involvedObject: { apiVersion: object.apiVersion, kind: object.kind, name, namespace, uid, resourceVersion },
      reason: note.reason,
      message: note.message,
      type: note.type,
      source: { component },
      reportingComponent: component,
      reportingInstance: instance,
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    };
    const series = { event, stored: false };
    remember(this.#series, key, series);
    return series;
  }

  async #writeAll(): Promise<void> {
    // one turn later, so that repeats within one run of the caller become one write
    await Promise.resolve();
    for (let next = this.#waiting.values().next(); next.done !== true; next = this.#waiting.values().next()) {
      this.#waiting.delete(next.value);
      await this.#write(next.value);
    }
    this.#writing = undefined;
  }

  async #write(series: Series): Promise<void> {
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      try {
        await this.#send(series);
        return;
      } catch (error) {
        // what the server refuses it will refuse again, for example in a namespace that is going away
        const isRefused = error instanceof ApiError && error.code < 500 && error.code !== 429;
        if (isRefused || attempt === TRIES) {
          this.#options.log.warn({ error, reason: series.event.reason }, 'an Event could not be written');
          return;
        }
        await this.#clock.sleep(RETRY_MS * attempt);
      }
    }
  }

  async #send(series: Series): Promise<void> {
    const { client } = this.#options;
    const { event } = series;
    if (series.stored) {
      try {
        const { count, lastTimestamp } = event;
        await client.patch(events, event.metadata, { count, lastTimestamp });
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
        // the API forgets Events after an hour
      }
    }
    await client.create(events, event);
    series.stored = true;
  }
}

/** Sets the entry as the newest of a map with a bounded size. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > MAX_SERIES && oldest.done !== true) map.delete(oldest.value);
}
