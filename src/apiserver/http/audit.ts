import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { toMicroTime } from '../../lib/clock.ts';
import type { User } from './authentication.ts';
import type { RequestInfo } from './requestInfo.ts';

/** One finished request, at audit level Metadata: never a body. */
export interface AuditEvent {
  auditID: string;
  info: RequestInfo;
  user: User;
  /** As whom, when the user impersonates somebody. */
  impersonated: User | undefined;
  annotations: Readonly<Record<string, string>>;
  code: number;
  receivedAt: number;
  finishedAt: number;
  sourceIp: string;
  userAgent: string;
  requestUri: string;
}

/** Where audit events go. */
export interface AuditSink {
  record(event: AuditEvent): void;
}

/** Writes audit.k8s.io/v1 Events, one JSON line each. */
export class JsonLinesAudit implements AuditSink {
  readonly #target: { write(line: string): void };

  constructor(target: { write(line: string): void }) {
    this.#target = target;
  }

  record(event: AuditEvent): void {
    const { info } = event;
    const line = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: event.auditID,
      stage: 'ResponseComplete',
      requestURI: event.requestUri,
      verb: info.verb,
      user: userInfo(event.user),
      ...(event.impersonated === undefined ? {} : { impersonatedUser: userInfo(event.impersonated) }),
      sourceIPs: [event.sourceIp],
      userAgent: event.userAgent,
      ...(info.isResource ? { objectRef: objectRef(info) } : {}),
      responseStatus: { metadata: {}, code: event.code },
      requestReceivedTimestamp: toMicroTime(event.receivedAt),
      stageTimestamp: toMicroTime(event.finishedAt),
      ...(Object.keys(event.annotations).length === 0 ? {} : { annotations: event.annotations }),
    };
    this.#target.write(`${JSON.stringify(line)}\n`);
  }
}

function userInfo({ name, uid, groups, extra }: User): object {
  return { username: name, uid, groups, extra };
}

function objectRef(info: RequestInfo): Record<string, string> {
  const all = {
    resource: info.resource,
    namespace: info.namespace,
    name: info.name,
    apiGroup: info.group,
    apiVersion: info.version,
    subresource: info.subresource,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
}

/** Takes the client's `Audit-ID` or makes one, and sends it back on the answer. */
export function assignAuditId(request: IncomingMessage, response: ServerResponse): string {
  const sent = request.headers['audit-id'];
  const id = typeof sent === 'string' && /^[\w.-]{1,64}$/.test(sent) ? sent : randomUUID();
  response.setHeader('audit-id', id);
  return id;
}
