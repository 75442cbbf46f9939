import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, startTestServer, type TestServer } from '../../support/apiServer.ts';
import { WebSocketWatch } from '../../support/webSocketWatch.ts';

/** More than a client may have unread before its watch is cut, as large objects so that they are soon made. */
const OBJECTS = 80;
const DATA = { text: 'x'.repeat(900_000) };
const MAPS = '/api/v1/namespaces/default/configmaps';
const INITIAL = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
const TIMEOUT_MS = 60_000;

let server: TestServer;
let before: string;
beforeAll(async () => {
  server = await startTestServer();
  before = (await server.get(`${MAPS}?limit=1`)).body.metadata.resourceVersion;
  for (let index = 0; index < OBJECTS; index++) {
    const metadata = { name: `large-${index}`, labels: { large: '' } };
    const { code } = await server.post(MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: DATA });
    expect(code).toBe(201);
  }
}, TIMEOUT_MS);
afterAll(async () => {
  await server.close();
});

const types = (events: readonly { type: string }[]): string[] => events.map(({ type }) => type);

const ADDED = Array<string>(OBJECTS).fill('ADDED');

it.each([
  ['what is there', `${INITIAL}&labelSelector=large`, [...ADDED, 'BOOKMARK', 'ADDED']],
  // the late one of the test before came and went
  ['what has happened', 'watch=1&labelSelector=large&resourceVersion=', [...ADDED, 'ADDED', 'DELETED', 'ADDED']],
])(
  'sends %s at the pace of the client, and then what comes, however much it is',
  async (what, query, expected) => {
    const watch = server.watch(`${MAPS}?${query}${query.endsWith('=') ? before : ''}`);
    await eventually(() => expect(watch.events.length).toBeGreaterThan(0));
    const metadata = { name: `after-${what.replaceAll(' ', '-')}`, labels: { large: '' } };
    await server.post(MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
    expect(types(await watch.until(expected.length, TIMEOUT_MS))).toEqual(expected);
    watch.close();
    await server.delete(`${MAPS}/${metadata.name}`);
  },
  TIMEOUT_MS,
);

it(
  'does so over a WebSocket',
  async () => {
    const watch = new WebSocketWatch(`${server.api.url}${MAPS}?${INITIAL}&labelSelector=large`, {
      tls: server.admin.options,
      headers: { origin: server.api.url },
    });
    await watch.until(OBJECTS + 1, TIMEOUT_MS);
    expect(watch.messages.length).toBe(OBJECTS + 1);
    watch.close();
  },
  TIMEOUT_MS,
);
