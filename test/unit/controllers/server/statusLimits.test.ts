import { describe, expect, it } from 'vitest';
import { toCrd } from '../../../../src/api/crd.ts';
import { effectiveServer } from '../../../../src/api/effective.ts';
import { serverKind } from '../../../../src/api/server.ts';
import { ServerSpec } from '../../../../src/api/serverSpec.ts';
import type { JsonObject } from '../../../../src/apiserver/codec/json.ts';
import { errorText } from '../../../../src/apiserver/schema/fieldErrors.ts';
import { compileStructuralSchema } from '../../../../src/apiserver/schema/resourceSchema.ts';
import { Attempts } from '../../../../src/controllers/server/attempts.ts';
import type { ServerDeps } from '../../../../src/controllers/server/deps.ts';
import { Hooks } from '../../../../src/controllers/server/hooks.ts';
import type { Scope } from '../../../../src/controllers/server/scope.ts';
import { statusOf } from '../../../../src/controllers/server/status.ts';
import type { ProxyHave } from '../../../../src/host/tasks/proxy/facts.ts';
import { proxy } from '../../../../src/host/tasks/proxy/task.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { FakeSession } from '../../../support/fakeSession.ts';
import { claimDeps, observed, scopeOf, serverWith } from '../../../support/serverScope.ts';

/** What the CRD says against the status after this run. */
function refusals(scope: Scope): string[] {
  const { spec } = toCrd(serverKind) as unknown as {
    spec: { versions: { schema: { openAPIV3Schema: JsonObject } }[] };
  };
  const schema = compileStructuralSchema(spec.versions[0]!.schema.openAPIV3Schema);
  const status = JSON.parse(JSON.stringify(statusOf(scope, [proxy]))) as JsonObject;
  return schema.validateCreate({ spec: scope.server.spec as unknown as JsonObject, status }).map(errorText);
}

const names = (count: number) =>
  Array.from({ length: count }, (_, at) => `${String(at).padStart(2, '0')}${'n'.repeat(61)}`);

/** A run with a spec whose names and versions are as long as the CRD lets them be. */
function longest(session?: FakeSession<object>): Scope {
  const spec = {
    proxy: { type: 'NginxProxyManager', version: 'v'.repeat(128), image: `r.example/${'i'.repeat(245)}` },
    hooks: names(20).map((name) => ({ name, when: 'PreProvision', script: 'true' })),
  };
  const server = serverWith(spec as Partial<ServerSpec>);
  server.spec.ssh.auth = { privateKeySecretRef: { name: 'key' } };
  expect(ServerSpec.safeParse(server.spec).error).toBeUndefined();
  return observed(scopeOf({ server, ...(session && { session }) }), {});
}

describe('the status of a Server with the longest spec there is', () => {
  it.each([
    ['an image that says no release', { image: `r.example/${'i'.repeat(290)}` }],
    ['a long release', { image: 'nginx', type: 'NginxProxyManager', release: 'r'.repeat(300) }],
  ])('is one that the CRD accepts, with %s', (_what, live) => {
    const scope = longest();
    scope.effective = effectiveServer(scope.server);
    const have: ProxyHave = { engine: true, publishers: [], live: { running: true, state: 'running', ...live } };
    scope.observation = { ...scope.observation!, have: new Map([['proxy', have]]) };
    expect(refusals(scope)).toEqual([]);
    const [component] = statusOf(scope, [proxy]).components ?? [];
    expect(component?.desired).toBe(`NginxProxyManager ${'v'.repeat(128)}`);
  });

  it('is one that the CRD accepts once its hooks run', async () => {
    const session = new FakeSession<object>({}, {});
    const scope = longest(session);
    const deps = { clock: new FakeClock(), ...claimDeps, events: { record: () => undefined } } as unknown as ServerDeps;
    const stored = () => Promise.resolve();
    const hooks = new Hooks(deps, new Attempts(deps, stored), stored);
    // no host runs it: its step has begun
    await expect(hooks.run(scope, session, 'PreProvision')).rejects.toThrow();
    scope.hooksRun = names(20);
    expect(scope.steps).toMatchObject([{ name: `hook/${names(1)[0]!}` }]);
    expect(refusals(scope)).toEqual([]);
  });
});
