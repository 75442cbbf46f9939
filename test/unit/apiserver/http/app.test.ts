import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createApp, type App, type ChainDeps } from '../../../../src/apiserver/http/app.ts';
import { ANONYMOUS } from '../../../../src/apiserver/http/authentication.ts';
import type { Exchange } from '../../../../src/apiserver/http/context.ts';
import { InFlight } from '../../../../src/apiserver/http/inflight.ts';
import { Metrics } from '../../../../src/apiserver/http/metrics.ts';
import { sendPlain } from '../../../../src/apiserver/http/respond.ts';
import { silentLogger } from '../../../../src/lib/logger.ts';
import { FakeClock } from '../../../support/fakeClock.ts';

/** The chain before one endpoint. */
function appOf(handle: (exchange: Exchange) => void, changes: Partial<ChainDeps> = {}): App {
  const inFlight = changes.inFlight ?? new InFlight();
  return createApp({
    clock: new FakeClock(),
    log: silentLogger,
    authenticator: { authenticate: () => ANONYMOUS },
    authorizer: {
      authorize: () => Promise.resolve({ allowed: true, reason: '' }),
      rules: () => Promise.resolve({ resourceRules: [], nonResourceRules: [] }),
    },
    inFlight,
    metrics: new Metrics(
      () => inFlight.counts,
      () => true,
    ),
    audit: undefined,
    endpoints: [
      {
        handle: (exchange) => {
          handle(exchange);
          // as long as the answer takes
          return once(exchange.response, 'close').then(() => true);
        },
      },
    ],
    deadlineMs: 60_000,
    isStopping: () => false,
    ...changes,
  });
}

async function serving(app: App, run: (url: string) => Promise<void>, listener = app.listener): Promise<void> {
  const server = createServer(app.classes, listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const ok = ({ response }: Exchange): void => sendPlain(response, 200, 'ok');

it('leaves requests and answers the prototypes that they were made with', async () => {
  const seen: unknown[] = [];
  const made: unknown[] = [];
  const app = appOf((exchange) => {
    seen.push(...prototypes(exchange.request, exchange.response));
    ok(exchange);
  });
  const listener: RequestListener = (request, response) => {
    made.push(...prototypes(request, response));
    app.listener(request, response);
  };
  await serving(
    app,
    async (url) => {
      expect(await (await fetch(`${url}/version`)).text()).toBe('ok');
    },
    listener,
  );
  const expected = [app.classes.IncomingMessage.prototype, app.classes.ServerResponse.prototype];
  for (const found of [made, seen])
    expect(found.map((prototype, index) => prototype === expected[index])).toEqual([true, true]);
});

describe('a request that takes too long', () => {
  it('is answered with 504, and gives its place back', async () => {
    const inFlight = new InFlight({ reads: 1, writes: 1 });
    const app = appOf(() => undefined, { inFlight, deadlineMs: 20 });
    await serving(app, async (url) => {
      for (let time = 0; time < 2; time++) {
        const answer = await fetch(`${url}/api/v1/configmaps`);
        const message = 'Timeout: request did not complete within the allotted timeout';
        expect(await answer.json()).toMatchObject({ code: 504, reason: 'Timeout', message });
      }
    });
  });

  it('is cut off when its answer has begun', async () => {
    const app = appOf(({ response }) => void response.write('{"kind":'), { deadlineMs: 20 });
    await serving(app, async (url) => {
      const answer = await fetch(`${url}/api/v1/configmaps`);
      expect(answer.status).toBe(200);
      await expect(answer.text()).rejects.toThrow();
    });
  });
});

it('lets health checks and the administrator in when all places are taken', async () => {
  const masters = { ...ANONYMOUS, name: 'admin', groups: ['system:masters'] };
  const app = appOf(ok, {
    inFlight: new InFlight({ reads: 0, writes: 0 }),
    authenticator: { authenticate: ({ headers }) => (headers['x-admin'] === undefined ? ANONYMOUS : masters) },
  });
  await serving(app, async (url) => {
    const codeOf = async (path: string, headers = {}): Promise<number> =>
      (await fetch(`${url}${path}`, { headers })).status;
    expect(await codeOf('/api/v1/configmaps')).toBe(429);
    expect(await codeOf('/readyz')).toBe(200);
    expect(await codeOf('/api/v1/configmaps', { 'x-admin': 'yes' })).toBe(200);
  });
});

function prototypes(...objects: object[]): unknown[] {
  return objects.map((object) => Object.getPrototypeOf(object) as unknown);
}
