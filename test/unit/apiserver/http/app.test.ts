import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { createApp } from '../../../../src/apiserver/http/app.ts';
import { ANONYMOUS } from '../../../../src/apiserver/http/authentication.ts';
import type { Endpoint, Exchange } from '../../../../src/apiserver/http/context.ts';
import { InFlight } from '../../../../src/apiserver/http/inflight.ts';
import { Metrics } from '../../../../src/apiserver/http/metrics.ts';
import { sendPlain } from '../../../../src/apiserver/http/respond.ts';
import { silentLogger } from '../../../../src/lib/logger.ts';
import { FakeClock } from '../../../support/fakeClock.ts';

it('leaves requests and answers the prototypes that they were made with', async () => {
  const inFlight = new InFlight();
  const seen: unknown[] = [];
  const endpoint: Endpoint = {
    handle: ({ request, response }: Exchange) => {
      seen.push(...prototypes(request, response));
      sendPlain(response, 200, 'ok');
      return Promise.resolve(true);
    },
  };
  const app = createApp({
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
    endpoints: [endpoint],
    isStopping: () => false,
  });
  const made: unknown[] = [];
  const server = createServer(app.classes, (request, response) => {
    made.push(...prototypes(request, response));
    app.listener(request, response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/version`);
    expect(await answer.text()).toBe('ok');
  } finally {
    server.closeAllConnections();
    server.close();
  }
  const expected = [app.classes.IncomingMessage.prototype, app.classes.ServerResponse.prototype];
  for (const found of [made, seen])
    expect(found.map((prototype, index) => prototype === expected[index])).toEqual([true, true]);
});

function prototypes(...objects: object[]): unknown[] {
  return objects.map((object) => Object.getPrototypeOf(object) as unknown);
}
