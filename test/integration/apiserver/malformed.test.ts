import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type Reply, type TestServer } from '../../support/apiServer.ts';
import { COLLECTIONS, malformedRequests, RESOURCES } from '../../support/malformedRequests.ts';
import { WIDGETS_CRD } from '../../support/widgets.ts';

/** The 10,000 take a minute and more on a busy machine: HOSTLER_MALFORMED_REQUESTS asks for as many. */
const REQUESTS = Number(process.env['HOSTLER_MALFORMED_REQUESTS'] ?? 2000);
const AT_ONCE = 8;
/** Repeats a failure. */
const SEED = Number(process.env['HOSTLER_MALFORMED_SEED'] ?? 1);
const TIMEOUT_MS = 30_000 + REQUESTS * 40;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  const type = { 'content-type': 'application/yaml' };
  await server.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', WIDGETS_CRD, type);
  for (const path of COLLECTIONS) {
    const { body } = await server.get(path);
    const role = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'one' };
    const object = { ...body, kind: body.kind.replace(/List$/, ''), items: undefined, roleRef: role };
    await server.post(path, { ...object, metadata: { name: 'one', namespace: 'default' }, spec: {} });
  }
});
afterAll(async () => {
  await server.close();
});

it(
  `answers ${REQUESTS} malformed requests, none with a 5xx, and goes on as before`,
  async () => {
    const requests = malformedRequests(REQUESTS, SEED);
    const wrong: string[] = [];
    const codes = new Map<number, number>();
    let revision = 0;
    const work = async (): Promise<void> => {
      for (let next = requests.pop(); next !== undefined; next = requests.pop()) {
        const reply = await server.ask(next.method, next.path, next);
        codes.set(reply.code, (codes.get(reply.code) ?? 0) + 1);
        const problem = problemOf(reply);
        if (problem !== undefined) wrong.push(`${problem} for ${next.method} ${next.path} ${String(next.body)}`);
        if (requests.length % 100 === 0) {
          const { metadata } = (await server.get('/api/v1/configmaps?limit=1')).body;
          expect(Number(metadata.resourceVersion)).toBeGreaterThanOrEqual(revision);
          revision = Number(metadata.resourceVersion);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    expect(wrong.slice(0, 10), `${wrong.length} of ${REQUESTS}, HOSTLER_MALFORMED_SEED=${SEED}`).toEqual([]);
    // they got past the first check, and not all of them were wrong
    for (const code of [200, 400, 403, 404, 405, 406, 415, 422]) expect([...codes.keys()]).toContain(code);
    const metrics = (await server.get('/metrics')).text;
    expect(metrics).toContain('apiserver_current_inflight_requests{request_kind="mutating"} 0');
    // whatever stood in the paths
    const labels = new Set([...metrics.matchAll(/[{,]resource="([^"]*)"/g)].map(([, name]) => name));
    expect([...labels].filter((name) => !RESOURCES.some((path) => name === '' || path.endsWith(`/${name}`)))).toEqual(
      [],
    );
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'after' }, data: { a: 'b' } };
    expect((await server.post('/api/v1/namespaces/default/configmaps', object)).code).toBe(201);
  },
  TIMEOUT_MS,
);

/** What is wrong with an answer. A revision that is not there yet is waited for, then told as 504, as by kube-apiserver. */
function problemOf({ code, headers, body, text }: Reply): string | undefined {
  if (code >= 500 && !(code === 504 && body.reason === 'Timeout') && !(code === 504 && text === ''))
    return `${code} ${text}`;
  if (code < 400 || text === '' || headers['content-type']?.startsWith('application/json') !== true) return undefined;
  const isStatus = body.kind === 'Status' && body.code === code && text.includes('"Failure"') && body.message !== '';
  return isStatus ? undefined : `no Status in ${code} ${text}`;
}
