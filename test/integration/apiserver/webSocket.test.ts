import { connect } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, startTestServer, type TestServer } from '../../support/apiServer.ts';
import { WebSocketWatch } from '../../support/webSocketWatch.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const WATCH = `${MAPS}?watch=1`;
const BEARER = 'base64url.bearer.authorization.k8s.io.';
const TOKEN = 's3cret';
const HANDSHAKE = `GET ${WATCH} HTTP/1.1
host: a
origin: https://a
connection: Upgrade
upgrade: websocket
sec-websocket-version: 13
sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==

`;
let server: TestServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

const start = async (): Promise<TestServer> => (server = await startTestServer({ staticTokens: `${TOKEN},alice,u1` }));

function watchAs(current: TestServer, as: 'admin' | 'nobody', protocols: readonly string[] = []): WebSocketWatch {
  return new WebSocketWatch(`${current.api.url}${WATCH}`, {
    tls: current[as].options,
    headers: { origin: current.api.url },
    protocols,
  });
}

const watching = async (current: TestServer): Promise<string | undefined> =>
  /^apiserver_longrunning_requests\{[^}]*resource="configmaps"[^}]*\} (\d+)$/m.exec(
    (await current.get('/metrics')).text,
  )?.[1];

/** What the server says to a request that is sent as it stands. */
async function exchange(current: TestServer, head: string): Promise<string> {
  const { hostname, port } = new URL(current.api.url);
  const { ca, cert, key } = current.admin.options;
  const socket = connect({ host: hostname, port: Number(port), ca, cert, key });
  socket.setTimeout(5_000, () => socket.destroy(new Error('no end of the answer')));
  socket.write(Buffer.from(head.replaceAll('\n', '\r\n'), 'latin1'));
  socket.on('error', () => undefined);
  let text = '';
  for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString();
  return text;
}

describe('a watch over a WebSocket', () => {
  it('is one running watch until the client goes', async () => {
    const current = await start();
    const watch = watchAs(current, 'admin');
    await watch.opened;
    await eventually(async () => expect(await watching(current)).toBe('1'));
    watch.send('what a client has to say');
    await current.post(MAPS, { metadata: { name: 'a' } });
    await watch.until(2, 5_000);
    expect(watch.messages.at(-1)).toMatch(/^\{"type":"ADDED".*"name":"a".*\}\n$/s);
    watch.close();
    await eventually(async () => expect(await watching(current)).toBe('0'));
  });

  it('ends when the server is stopped, also where the client does not answer', async () => {
    const current = await start();
    const watch = watchAs(current, 'admin');
    await watch.opened;
    const deaf = exchange(current, HANDSHAKE);
    await eventually(async () => expect(await watching(current)).toBe('2'));
    await current.api.close();
    expect(await watch.closed).toBe(1005);
    expect(await deaf).toMatch(/^HTTP\/1.1 101 /);
  });

  it('takes the token of a browser from among the protocols, and does not repeat it', async () => {
    const current = await start();
    await current.post('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'alice' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'alice' }],
    });
    const token = BEARER + Buffer.from(TOKEN).toString('base64url');
    const watch = watchAs(current, 'nobody', [token, 'v1.example']);
    const { code, headers } = await watch.opened;
    expect([code, headers['sec-websocket-protocol']]).toEqual([101, 'v1.example']);
    watch.close();
    const bad = [[token], [token, `${token}a`, 'b'], [`${BEARER}****`, 'b'], [`${BEARER}AAAA`, 'b']];
    for (const protocols of bad) {
      expect(await watchAs(current, 'nobody', protocols).opened, protocols.join()).toMatchObject({ code: 401 });
    }
    expect((await watchAs(current, 'nobody').opened).code).toBe(403);
  });
});

describe('the server', () => {
  it.each([
    ['frames that are none', HANDSHAKE + '\xff\x7fgarbage'.repeat(50), /^HTTP\/1.1 101 /],
    ['a frame that is not masked', HANDSHAKE + '\x81\x01a', /^HTTP\/1.1 101 /],
    ['a frame that is too long', `${HANDSHAKE}\x82\xff\x00\x00\x00\x00\x7f\x00\x00\x00aaaa`, /^HTTP\/1.1 101 /],
    ['another version', HANDSHAKE.replace('version: 13', 'version: 99'), /^HTTP\/1.1 400 /],
    ['no way to be found', HANDSHAKE.replace('/configmaps', '/nothing'), /^HTTP\/1.1 404 /],
    [
      'a body to be written',
      `POST ${MAPS} HTTP/1.1\nhost: a\nconnection: Upgrade\nupgrade: websocket\ncontent-length: 2\n\n{}`,
      /^HTTP\/1.1 4\d\d /,
    ],
  ])('outlives %s', async (_, sent, answer) => {
    const current = await start();
    expect(await exchange(current, sent)).toMatch(answer);
    await eventually(async () => expect((await watching(current)) ?? '0').toBe('0'));
    expect((await current.get('/readyz')).code).toBe(200);
  });
});

describe('another protocol', () => {
  it('is passed over where nobody switches to it', async () => {
    const current = await start();
    const reply = await exchange(
      current,
      `GET ${MAPS}/none HTTP/1.1\nhost: a\nconnection: Upgrade, HTTP2-Settings\nupgrade: h2c\nhttp2-settings: AAAA\n\n`,
    );
    expect(reply).toMatch(/^HTTP\/1.1 404 Not Found\r\n/);
    expect(reply).toContain('configmaps \\"none\\" not found');
  });

  it('does not come by a handshake that is none', async () => {
    const current = await start();
    const head = `GET ${WATCH} HTTP/1.1\nhost: a\norigin: https://a\nconnection: Upgrade\nupgrade: websocket\n\n`;
    expect(await exchange(current, head)).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    await eventually(async () => expect(await watching(current)).toBe('0'));
  });
});
