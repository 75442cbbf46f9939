import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../lib/clock.ts';
import { isJsonObject, omit, stringifyJson, type JsonObject, type JsonValue } from '../codec/json.ts';
import { parseStoredJson } from '../codec/jsonParser.ts';
import type { User } from '../http/authentication.ts';
import type { Attributes } from '../http/authorization.ts';
import type { Status } from '../http/status.ts';
import { objectAt, textAt } from '../registry/object.ts';
import { eventLine, type AuditEvent } from './event.ts';
import type { AuditPolicy, Stage } from './policy.ts';
import { AuditRules, type AuditRequest } from './rules.ts';

/** Errors that may repeat what is wrong with a body. */
const QUOTING: ReadonlySet<number> = new Set([400, 422]);

/** Takes lines. A line that was taken outlives this process, however it ends. Never throws. */
export interface AuditSink {
  write(line: string): void;
}

/** Who asks for what. */
interface Begun {
  auditId: string;
  request: IncomingMessage;
  /** `user` is undefined where nobody could be found out. */
  attributes: Omit<Attributes, 'user'> & { user: User | undefined };
  receivedAt: number;
}

/** Writes what a policy asks for. */
export class AuditLog {
  readonly #rules: AuditRules;
  readonly #sink: AuditSink;
  readonly #clock: Clock;

  constructor({ policy, sink, clock }: { policy: AuditPolicy; sink: AuditSink; clock: Clock }) {
    this.#rules = new AuditRules(policy);
    this.#sink = sink;
    this.#clock = clock;
  }

  /** The books of one request; undefined when nothing is to be written of it. */
  begin({ auditId, request, attributes, receivedAt }: Begun): RequestAudit | undefined {
    const wanted = this.#rules.find(attributes);
    if (wanted === undefined) return undefined;
    const { user, ...rest } = attributes;
    const event: AuditEvent = {
      auditID: auditId,
      level: wanted.level,
      stage: 'RequestReceived',
      attributes: rest,
      user,
      impersonated: undefined,
      object: {},
      request,
      response: undefined,
      annotations: new Map(),
      requestObject: undefined,
      responseObject: undefined,
      receivedAt,
      stageAt: receivedAt,
    };
    return new RequestAudit(event, wanted, { sink: this.#sink, clock: this.#clock });
  }
}

/** What is written of one request, stage by stage. */
export class RequestAudit {
  readonly #event: AuditEvent;
  readonly #wanted: AuditRequest;
  readonly #sink: AuditSink;
  readonly #clock: Clock;
  readonly #annotations = new Map<string, string>();
  #over = false;

  constructor(event: AuditEvent, wanted: AuditRequest, { sink, clock }: { sink: AuditSink; clock: Clock }) {
    this.#event = event;
    event.annotations = this.#annotations;
    this.#wanted = wanted;
    this.#sink = sink;
    this.#clock = clock;
  }

  /** Whether bodies of answers are written. */
  get wantsAnswer(): boolean {
    return this.#wanted.level === 'RequestResponse' && this.#event.attributes.isResource;
  }

  get #isWatch(): boolean {
    return this.#event.attributes.isResource && this.#event.attributes.verb === 'watch';
  }

  /** Before anything is done. */
  received(): void {
    this.#write('RequestReceived');
  }

  impersonating(user: User): void {
    this.#event.impersonated = user;
  }

  /** The first value of a key stays. */
  annotate(key: string, value: string): void {
    if (!this.#annotations.has(key)) this.#annotations.set(key, value);
  }

  /** A body, before anything is made of it. Of patches only the level Request tells anything. */
  body(value: JsonValue, isPatch: boolean): void {
    if (!isPatch && isJsonObject(value)) this.#event.object = identityOf(value);
    const { level } = this.#wanted;
    if (level === 'Metadata' || !this.#event.attributes.isResource) return;
    this.#event.requestObject = stringifyJson(this.#wanted.omitManagedFields ? withoutManagedFields(value) : value);
  }

  /** A watch was accepted or refused; its events come after. */
  started(code: number): void {
    this.#event.response ??= { code };
    this.#write('ResponseStarted');
  }

  /** Who it is could not be found out: all there is to tell. */
  unauthenticated(status: Status & { code: number }): void {
    this.status(status, status.code);
    this.#over = true;
    this.#write('ResponseStarted');
  }

  /** The answer is a Status: an error, or a deletion that left nothing. */
  status({ status, message, reason, details }: Status, code: number): void {
    const quotes = this.#wanted.holdsSecrets && QUOTING.has(code);
    const all = { status, reason, code, ...(quotes ? {} : { message, details }) };
    this.#event.response = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  }

  /** The answer as JSON, about to be sent: what is acknowledged has its line. */
  answering(code: number, json: string | Buffer): void {
    if (this.#isWatch) this.started(code);
    if (this.wantsAnswer && !this.#over) {
      const text = json.toString();
      const parsed = this.#wanted.omitManagedFields ? parseStoredJson(text) : undefined;
      this.#event.responseObject = parsed === undefined ? text : stringifyJson(withoutManagedFields(parsed));
    }
    this.complete(code);
  }

  /** The answer was sent, or its client is gone. */
  complete(code: number): void {
    this.#event.response ??= { code };
    this.#end('ResponseComplete');
  }

  /** A fault of the server. */
  panicked(status: Status): void {
    this.status(status, 500);
    this.#end('Panic');
  }

  #end(stage: Stage): void {
    if (this.#over) return;
    this.#over = true;
    this.#write(stage);
  }

  #write(stage: Stage): void {
    if (this.#wanted.omitStages.has(stage)) return;
    this.#event.stage = stage;
    if (stage !== 'RequestReceived') this.#event.stageAt = this.#clock.now();
    this.#sink.write(eventLine(this.#event));
  }
}

function identityOf(object: JsonObject): AuditEvent['object'] {
  const meta = objectAt(object, 'metadata');
  if (meta === undefined) return {};
  return { name: textAt(meta, 'name'), uid: textAt(meta, 'uid'), resourceVersion: textAt(meta, 'resourceVersion') };
}

/** A copy of an object, a list or a Table. */
function withoutManagedFields(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  const { metadata, items, rows } = value;
  return {
    ...value,
    ...(isJsonObject(metadata) && 'managedFields' in metadata ? { metadata: omit(metadata, 'managedFields') } : {}),
    ...(Array.isArray(items) ? { items: items.map(withoutManagedFields) } : {}),
    ...(Array.isArray(rows) ? { rows: rows.map(rowWithoutManagedFields) } : {}),
  };
}

function rowWithoutManagedFields(row: JsonValue): JsonValue {
  return isJsonObject(row) && isJsonObject(row['object'])
    ? { ...row, object: withoutManagedFields(row['object']) }
    : row;
}
