import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Side } from './harness/side.ts';
import { configMap, NOBODY, type Json, type User } from './harness/step.ts';

const AUDITOR: User = { name: 'auditor', groups: ['audited', 'system:masters'] };
const STRANGER: User = { name: 'stranger', groups: ['audited'] };
const NAMESPACES = ['audit-metadata', 'audit-request', 'audit-answer', 'audit-unmanaged'];
const sides = [new Side(inject('hostler')), new Side(inject('kubernetes'))];

interface Request {
  method?: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  as?: User;
}

const maps = (namespace: string, rest = ''): string => `/api/v1/namespaces/audit-${namespace}/configmaps${rest}`;
const make = (namespace: string, name: string): Request => ({
  method: 'POST',
  path: maps(namespace),
  body: configMap(name),
});
const MERGE = { 'content-type': 'application/merge-patch+json' };
const data = { data: { a: '2' } };

/** Named requests, sent in this order to both. */
const REQUESTS: Readonly<Record<string, Request>> = {
  'create, metadata': make('metadata', 'a'),
  'get, metadata': { path: maps('metadata', '/a') },
  'get, none': { path: maps('metadata', '/silent') },
  'get what is not there': { path: maps('metadata', '/b') },
  'list, metadata': { path: maps('metadata') },
  'list of one by name': { path: maps('metadata', '?fieldSelector=metadata.name%3Da') },
  'watch, metadata': { path: maps('metadata', '?watch=true&timeoutSeconds=1') },
  'watch of a bad selector': { path: maps('metadata', '?watch=true&labelSelector=%21%21') },
  'create what is there': make('metadata', 'a'),
  'create what is invalid': { method: 'POST', path: maps('metadata'), body: { metadata: { name: 'A' } } },
  'patch, metadata': { method: 'PATCH', path: maps('metadata', '/a'), body: data, headers: MERGE },
  'create, request': make('request', 'a'),
  'update, request': { method: 'PUT', path: maps('request', '/a'), body: configMap('a', { a: '3' }) },
  'patch, request': { method: 'PATCH', path: maps('request', '/a'), body: data, headers: MERGE },
  'delete, request': { method: 'DELETE', path: maps('request', '/a'), body: { propagationPolicy: 'Background' } },
  'create, answer': make('answer', 'a'),
  'get, answer': { path: maps('answer', '/a') },
  'list, answer': { path: maps('answer') },
  'get what is not there, answer': { path: maps('answer', '/b') },
  'watch, answer': { path: maps('answer', '?watch=true&timeoutSeconds=1') },
  'delete, answer': { method: 'DELETE', path: maps('answer', '/a') },
  'create, without managed fields': make('unmanaged', 'a'),
  'list, without managed fields': { path: maps('unmanaged') },
  'a namespace': { path: '/api/v1/namespaces/audit-metadata' },
  'all namespaces': { path: '/api/v1/configmaps' },
  'a path': { path: '/version' },
  'a path, none': { path: '/livez/ping' },
  'a path that is nothing': { path: '/nothing' },
  'somebody without rights': { path: maps('metadata', '/a'), as: STRANGER },
  'as somebody else': { path: maps('metadata', '/a'), headers: { 'impersonate-user': 'jane' } },
  'as somebody else, without the right to': {
    path: maps('metadata', '/a'),
    headers: { 'impersonate-user': 'jane' },
    as: STRANGER,
  },
  'a proxy’s word': { path: '/version', headers: { 'x-forwarded-for': '192.0.2.1, x', 'x-real-ip': '192.0.2.2' } },
  'a client’s name': { path: '/version', headers: { 'user-agent': 'x'.repeat(1030) } },
  'a wrong token': {
    path: maps('metadata', '/unauthenticated'),
    headers: { authorization: 'Bearer x' },
    as: NOBODY,
  },
  'no token at all': { path: maps('metadata', '/unauthenticated'), as: NOBODY },
};

const idOf = (name: string): string => `audit-${Object.keys(REQUESTS).indexOf(name)}`;

async function send(side: Side, request: Request, id: string): Promise<void> {
  const { method = 'GET', path, body, headers = {}, as = AUDITOR } = request;
  const json = body === undefined ? undefined : JSON.stringify(body);
  const type: Record<string, string> = json === undefined ? {} : { 'content-type': 'application/json' };
  await side.ask(method, path, { body: json, headers: { ...type, 'audit-id': id, ...headers }, as });
}

async function eventsOf(side: Side): Promise<Json[]> {
  const text = await readFile(join(side.endpoint.home, 'audit.log'), 'utf8');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
}

/** What the test compares of an event: all but what differs by nature. */
function comparable(event: Json): Json {
  const { requestReceivedTimestamp, stageTimestamp, requestObject, responseObject, ...rest } = event;
  expect(requestReceivedTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  expect(Date.parse(stageTimestamp)).toBeGreaterThanOrEqual(Date.parse(requestReceivedTimestamp));
  const text = JSON.stringify({
    ...rest,
    requestObject: bodyOf(requestObject),
    responseObject: bodyOf(responseObject),
  });
  return JSON.parse(
    text.replaceAll(/X509SHA256=[0-9a-f]{64}/g, '<hash>').replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<uid>'),
  );
}

/** Of a body, that it is there and is the right one. */
function bodyOf(body: Json): Json {
  if (body === undefined) return undefined;
  const { kind, metadata, data: content, items, propagationPolicy, reason } = body;
  const hasManagedFields = JSON.stringify(body).includes('managedFields');
  return {
    kind: kind ?? 'unsaid',
    name: metadata?.name,
    content,
    isList: items !== undefined,
    propagationPolicy,
    reason,
    hasManagedFields,
  };
}

beforeAll(async () => {
  for (const side of sides) {
    for (const name of NAMESPACES)
      await side.ask('POST', '/api/v1/namespaces', {
        body: JSON.stringify({ metadata: { name } }),
        headers: { 'content-type': 'application/json' },
      });
  }
  for (const [name, request] of Object.entries(REQUESTS))
    await Promise.all(sides.map((side) => send(side, request, idOf(name))));
  // kube-apiserver writes the last event after its answer
  await new Promise((resolve) => setTimeout(resolve, 200));
});
afterAll(async () => {
  await Promise.all(sides.map((side) => side.close()));
});

describe('the audit log', () => {
  it.each(Object.keys(REQUESTS))('tells the same of: %s', async (name) => {
    const [hostler, kubernetes] = await Promise.all(
      sides.map(async (side) => (await eventsOf(side)).filter(({ auditID }) => auditID === idOf(name)).map(comparable)),
    );
    expect(hostler).toEqual(kubernetes);
  });

  it('is complete and silent as the policy says', async () => {
    const [events = []] = await Promise.all(sides.map(eventsOf));
    const stages = (name: string): string[] =>
      events.filter(({ auditID }) => auditID === idOf(name)).map(({ stage }) => stage as string);
    expect(stages('create, metadata')).toEqual(['RequestReceived', 'ResponseComplete']);
    expect(stages('watch, metadata')).toEqual(['RequestReceived', 'ResponseStarted', 'ResponseComplete']);
    expect(stages('create, answer')).toEqual(['ResponseComplete']);
    expect(stages('get, none')).toEqual([]);
    expect(stages('a path, none')).toEqual([]);
  });
});
