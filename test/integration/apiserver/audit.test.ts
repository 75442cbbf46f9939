import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runHostler } from '../../support/hostlerCommand.ts';
import { kubectlPath } from '../../support/kubectl.ts';
import { StandalonePlane } from '../../support/standalonePlane.ts';

const EVERYTHING = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{ level: RequestResponse }]\n';
const SECRET = 'c2VjcmV0LXZhbHVl';

interface Event {
  level: string;
  stage: string;
  verb: string;
  user: { username: string };
  objectRef?: { resource: string; name?: string; subresource?: string };
  responseStatus?: { code: number };
  requestObject?: { data?: object };
  responseObject?: { data?: object };
  annotations?: Record<string, string>;
}

let directory: string;
let plane: StandalonePlane;
const path = (name: string): string => join(directory, name);
const kubectl = async (...args: string[]): Promise<string> => {
  const program = await kubectlPath();
  const env = { PATH: process.env['PATH'], KUBECONFIG: plane.kubeconfig, HOME: directory };
  return new Promise((resolve, reject) => {
    execFile(program, args, { env }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout.trim());
      else reject(new Error(stderr, { cause: error }));
    });
  });
};
const text = (): Promise<string> => readFile(path('logs/audit.log'), 'utf8');
const events = async (resource: string, verb: string, name?: string): Promise<Event[]> => {
  const all = (await text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event);
  return all.filter(
    ({ objectRef, verb: was }) =>
      objectRef?.resource === resource && was === verb && (name === undefined || objectRef.name === name),
  );
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hostler-audit-'));
  await writeFile(path('policy.yaml'), EVERYTHING);
  const flags = ['--audit-policy-file', path('policy.yaml'), '--audit-log-path', path('logs/audit.log')];
  plane = await StandalonePlane.start(['--no-controllers', ...flags]);
});
afterAll(async () => {
  await plane.remove();
  await rm(directory, { recursive: true, force: true });
});

describe('hostler serve --audit-log-path', () => {
  it('writes what kubectl does, with bodies and why it was allowed', async () => {
    await kubectl('create', 'configmap', 'a', '--from-literal=colour=blue');
    const [received] = await events('configmaps', 'create');
    expect(received?.stage).toBe('RequestReceived');
    const [complete] = await events('configmaps', 'create', 'a');
    expect(complete).toMatchObject({
      level: 'RequestResponse',
      stage: 'ResponseComplete',
      user: { username: 'hostler-admin' },
      objectRef: { resource: 'configmaps', namespace: 'default', name: 'a', apiVersion: 'v1' },
      responseStatus: { code: 201 },
      requestObject: { data: { colour: 'blue' } },
      responseObject: { data: { colour: 'blue' } },
      annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
    });
    expect((await stat(path('logs/audit.log'))).mode & 0o777).toBe(0o600);
  });

  it('never writes a secret, a token, or what a Server or an operation holds', async () => {
    await kubectl('create', 'secret', 'generic', 's', '--from-literal=password=secret-value');
    await kubectl('get', 'secret', 's', '-o', 'yaml');
    await kubectl('patch', 'secret', 's', '-p', '{"stringData":{"password":"secret-value-2"}}');
    const account = await kubectl('create', 'token', 'default');
    const review = JSON.stringify({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: account },
    });
    await writeFile(path('review.json'), review);
    await kubectl('create', '-f', path('review.json'));
    await plane.createServer('web', {
      addresses: [{ type: 'IPv4', address: '203.0.113.1' }],
      ssh: { user: 'ops', auth: { privateKeySecretRef: { name: 'k' } } },
      hooks: [{ name: 'h', when: 'PreProvision', script: 'login --password secret-value' }],
    });
    const lines = await text();
    for (const part of [SECRET, 'secret-value', account, account.split('.')[2] ?? 'none'])
      expect(lines).not.toContain(part);
    const seen = [
      ...(await events('secrets', 'create')),
      ...(await events('secrets', 'patch')),
      ...(await events('serviceaccounts', 'create', 'default')),
      ...(await events('tokenreviews', 'create')),
      ...(await events('servers', 'create')),
    ];
    expect(seen.length).toBeGreaterThanOrEqual(10);
    for (const event of seen) {
      expect(event.level).toBe('Metadata');
      expect(event.requestObject ?? event.responseObject).toBeUndefined();
    }
  });

  it('has the line of every write that was acknowledged, also after kill -9', async () => {
    for (const name of ['k0', 'k1', 'k2']) await kubectl('create', 'configmap', name);
    await plane.kill();
    for (const name of ['k0', 'k1', 'k2'])
      expect((await events('configmaps', 'create', name)).at(-1)).toMatchObject({ responseStatus: { code: 201 } });
    await plane.start();
    await kubectl('get', 'configmap', 'k2');
    expect((await events('configmaps', 'get', 'k2')).length).toBe(2);
  });

  it('does not start with a bad policy', async () => {
    await writeFile(path('bad.yaml'), 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{ level: Full }]\n');
    const args = ['--audit-policy-file', path('bad.yaml'), '--audit-log-path', path('bad.log')];
    const { code, stderr } = await runHostler(['serve', '--data-dir', path('bad'), ...args], {
      cwd: directory,
      env: {},
    });
    expect(code).toBe(1);
    expect(stderr).toContain(`--audit-policy-file ${path('bad.yaml')}: rules[0].level "Full": Invalid option`);
  });
});
