import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { toMicroTime } from '../../lib/clock.ts';
import type { User } from '../http/authentication.ts';
import type { Attributes } from '../http/authorization.ts';
import type { Status } from '../http/status.ts';
import type { Level, Stage } from './policy.ts';

/** What a client says it is, cut at this many characters. */
const MAX_USER_AGENT = 1024;

/** Everything known of a request so far. */
export interface AuditEvent {
  auditID: string;
  level: Level;
  stage: Stage;
  attributes: Omit<Attributes, 'user'>;
  user: User | undefined;
  /** As whom, when the user impersonates somebody. */
  impersonated: User | undefined;
  /** What of the object the URL did not tell. */
  object: { name?: string; uid?: string; resourceVersion?: string };
  request: IncomingMessage;
  response: AuditResponse | undefined;
  annotations: ReadonlyMap<string, string>;
  /** JSON texts. */
  requestObject: string | undefined;
  responseObject: string | undefined;
  receivedAt: number;
  stageAt: number;
}

/** What of the answer is written at every level. */
type AuditResponse = Partial<Pick<Status, 'status' | 'message' | 'reason' | 'details' | 'code'>>;

/** The event as audit.k8s.io/v1 Event, on one line of JSON. */
export function eventLine(event: AuditEvent): string {
  const { attributes, user, impersonated, request, response, annotations } = event;
  const userAgent = request.headers['user-agent'] ?? '';
  const line = JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: event.level,
    auditID: event.auditID,
    stage: event.stage,
    requestURI: request.url ?? '',
    verb: attributes.verb,
    user: user === undefined ? {} : userInfo(user),
    ...(impersonated === undefined ? {} : { impersonatedUser: userInfo(impersonated) }),
    sourceIPs: sourceIps(request),
    ...(userAgent === '' ? {} : { userAgent: shortened(userAgent) }),
    ...(attributes.isResource ? { objectRef: objectRef(event) } : {}),
    ...(response === undefined ? {} : { responseStatus: { metadata: {}, ...response } }),
    requestReceivedTimestamp: toMicroTime(event.receivedAt),
    stageTimestamp: toMicroTime(event.stageAt),
    ...(annotations.size === 0 ? {} : { annotations: Object.fromEntries(annotations) }),
  });
  return `${line.slice(0, -1)}${member('requestObject', event.requestObject)}${member('responseObject', event.responseObject)}}\n`;
}

/** Bodies are JSON already: they are put in as they are. */
function member(name: string, json: string | undefined): string {
  return json === undefined ? '' : `,"${name}":${json}`;
}

function userInfo({ name, uid, groups, extra }: User): object {
  return { username: name, uid, groups, extra };
}

function objectRef({ attributes, object }: AuditEvent): Record<string, string> {
  const all = {
    resource: attributes.resource,
    namespace: attributes.namespace,
    name: attributes.name === '' ? (object.name ?? '') : attributes.name,
    uid: object.uid ?? '',
    apiGroup: attributes.group,
    apiVersion: attributes.version,
    resourceVersion: object.resourceVersion ?? '',
    subresource: attributes.subresource,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
}

/** Proxies say whom they speak for, which nobody proves; the last one is who is connected. */
function sourceIps({ headers, socket }: IncomingMessage): string[] {
  const forwarded = [headers['x-forwarded-for'] ?? ''].flat().join(',').split(',');
  const real = [headers['x-real-ip'] ?? ''].flat().join('');
  const ips = forwarded.map((ip) => ip.trim()).filter((ip) => isIP(ip) !== 0);
  if (isIP(real) !== 0 && !ips.includes(real)) ips.push(real);
  const remote = (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '');
  if (remote !== '' && ips.at(-1) !== remote) ips.push(remote);
  return ips;
}

function shortened(userAgent: string): string {
  return userAgent.length > MAX_USER_AGENT ? `${userAgent.slice(0, MAX_USER_AGENT)}...TRUNCATED` : userAgent;
}
