import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toCrd } from '../../../src/api/crd.ts';
import { kinds } from '../../../src/api/kinds.ts';
import { admissionPolicies } from '../../../src/api/policies.ts';
import { configMapPolicy } from '../../support/admissionPolicy.ts';
import { eventually, startTestServer, type Said, type TestServer } from '../../support/apiServer.ts';

const POLICIES = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
/** Nothing is to happen in this time; what follows a change comes within a few. */
const QUIET_MS = 500;

let server: TestServer;

/** A new one has no status yet. */
const observed = ({ status }: Partial<Said>): unknown => status?.['observedGeneration'];
const listed = async (): Promise<Said[]> => (await server.get(POLICIES)).body.items;
const settled = (): Promise<Said[]> =>
  eventually(async () => {
    const policies = await listed();
    for (const policy of policies) expect(observed(policy), policy.metadata.name).toBe(policy.metadata.generation);
    return policies;
  });

beforeAll(async () => {
  const objects = admissionPolicies().flatMap((policy) => policy.objects);
  server = await startTestServer({ crds: kinds.map(toCrd), objects });
});
afterAll(() => server.close());

describe('the status of policies', () => {
  it("finds nothing doubtful in Hostler's own", async () => {
    const policies = await settled();
    expect(policies.map(({ metadata }) => metadata.name)).toEqual(
      admissionPolicies()
        .map(({ name }) => name)
        .sort(),
    );
    for (const { status } of policies) expect(status).toEqual({ observedGeneration: 1, typeChecking: {} });
  });

  it('is written once, also by a server that starts again', async () => {
    const before = await settled();
    await server.restart();
    await settled();
    await sleep(QUIET_MS);
    expect(await listed()).toEqual(before);
  });

  it('follows the spec, with one write per change', async () => {
    const watch = server.watch(`${POLICIES}?watch=true&fieldSelector=metadata.name=typed`);
    const spec = (expression: string): object => ({ validations: [{ expression }] });
    expect((await server.post(POLICIES, configMapPolicy('typed', spec("object.data.a == 'x'")))).code).toBe(201);
    await watch.until(2);
    const wrong = JSON.stringify({ spec: spec('object.data.a == 1 || object.dta.a == 1') });
    const headers = { 'content-type': 'application/merge-patch+json' };
    expect((await server.ask('PATCH', `${POLICIES}/typed`, { body: wrong, headers })).code).toBe(200);
    await watch.until(4);
    await sleep(QUIET_MS);
    expect(watch.events.map(({ type, object }) => [type, object.metadata.generation, observed(object)])).toEqual([
      ['ADDED', 1, undefined],
      ['MODIFIED', 1, 1],
      ['MODIFIED', 2, 1],
      ['MODIFIED', 2, 2],
    ]);
    const { expressionWarnings } = watch.events.at(-1)?.object.status['typeChecking'] as {
      expressionWarnings: { fieldRef: string; warning: string }[];
    };
    expect(expressionWarnings.map(({ fieldRef }) => fieldRef)).toEqual(['spec.validations[0].expression']);
    expect(expressionWarnings[0]?.warning).toContain("undefined field 'dta'");
    watch.close();
  });

  it('comes also to a policy that an older server took and that does not compile now', async () => {
    const { metadata, spec } = configMapPolicy('older', { validations: [{ expression: 'object.data' }] });
    const stored = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { ...metadata, uid: 'u', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
      spec,
    };
    const key = '/registry/admissionregistration.k8s.io/validatingadmissionpolicies/older';
    await server.storage.create(key, Buffer.from(JSON.stringify(stored)));
    const policies = await settled();
    expect(policies.find((policy) => policy.metadata.name === 'older')?.status).toEqual({
      observedGeneration: 1,
      typeChecking: {},
    });
  });
});
