import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactBundle } from '../../../../src/api/artifactBundle.ts';
import { References } from '../../../../src/controllers/server/references.ts';
import { SecretReader } from '../../../../src/controllers/server/secrets.ts';
import { Client } from '../../../../src/kube/client.ts';
import { fixedConnection } from '../../../../src/kube/connection.ts';
import type { KubeObject } from '../../../../src/api/meta.ts';
import { ApiDouble } from '../../../support/apiDouble.ts';
import { scopeOf, serverWith } from '../../../support/serverScope.ts';

const KEY = '-----BEGIN PGP PUBLIC KEY BLOCK-----';

describe('what a spec refers to beside its login', () => {
  let api: ApiDouble;
  let client: Client;
  beforeEach(async () => {
    api = new ApiDouble();
    Object.assign(api.kinds, { secrets: 'Secret' });
    client = new Client({ connection: fixedConnection({ server: await api.start() }) });
  });
  afterEach(async () => {
    client.close();
    await api.stop();
  });

  let bundle: ArtifactBundle | undefined;
  const wrong = { reason: 'FileMissing', message: 'file b.tar is not there.', terminal: false } as const;
  const bundleDirectory = {
    problemOf: ({ file }: { file: string }) => Promise.resolve(file === 'b.tar' ? wrong : undefined),
  };

  async function resolved(spec: Parameters<typeof serverWith>[0]) {
    const scope = scopeOf({ server: serverWith(spec), bundle });
    return new References(new SecretReader(client), bundleDirectory).resolve(scope);
  }

  const mirror = { url: 'https://mirror.example.com/debian', keySecretRef: { name: 'mirror-key' } };
  const docker = { source: { type: 'Mirror' as const, mirror } };

  function putSecret(data: Record<string, string>): void {
    const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
    const secret = { metadata: { namespace: 'acme', name: 'mirror-key' }, data: Object.fromEntries(encoded) as object };
    api.put('/api/v1/secrets', secret as unknown as KubeObject);
  }

  it('is not asked for where nothing refers to anything', async () => {
    const { docker: found } = await resolved({ docker: {} });
    expect(found?.source).toEqual({ type: 'Distro' });
    expect(api.requests).toEqual([]);
  });

  it("is the key of the mirror's Secret, read by one GET of that Secret", async () => {
    putSecret({ key: KEY });
    const { docker: found } = await resolved({ docker });
    expect(found?.source.mirror).toEqual({
      ...mirror,
      components: ['stable'],
      packages: 'DockerCE',
      signingKey: { value: KEY },
    });
    expect(api.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /api/v1/namespaces/acme/secrets/mirror-key',
    ]);
  });

  it('is a problem with its remedy while the Secret is missing, which goes away by itself', async () => {
    const { docker: found } = await resolved({ docker });
    expect(found?.source.mirror?.signingKey).toEqual({
      problem: {
        reason: 'SecretMissing',
        message:
          'Secret acme/mirror-key of spec.docker.source.mirror.keySecretRef does not exist. Create it, or correct the reference.',
        terminal: false,
      },
    });
  });

  it('is a problem when the Secret has no key of that name', async () => {
    putSecret({ 'docker.asc': KEY });
    const { docker: found } = await resolved({ docker });
    expect(found?.source.mirror?.signingKey).toMatchObject({
      problem: { reason: 'SecretMissing', message: expect.stringContaining('no key key') as string },
    });
  });

  const fromBundle = { source: { type: 'Bundle' as const, bundle: { bundleRef: { name: 'docker' } } } };

  it('is a problem while the ArtifactBundle is missing, which goes away by itself', async () => {
    const { docker: found } = await resolved({ docker: fromBundle });
    expect(found?.source.bundle).toMatchObject({
      packages: 'DockerCE',
      artifacts: { problem: { reason: 'BundleMissing', terminal: false } },
    });
  });

  it('are the artifacts of the ArtifactBundle in the same namespace, each with what is wrong with its file', async () => {
    const artifact = (name: string) => ({
      name,
      type: 'Packages' as const,
      file: `${name}.tar`,
      sha256: '0'.repeat(64),
      sizeBytes: 1,
      os: { id: 'debian', versionID: '12' },
      architecture: 'amd64',
    });
    const { apiVersion } = serverWith();
    bundle = {
      apiVersion,
      kind: 'ArtifactBundle',
      metadata: { namespace: 'acme', name: 'docker' },
      spec: { artifacts: [artifact('a'), artifact('b')] },
    };
    const { docker: found } = await resolved({ docker: fromBundle });
    const message = 'spec.docker.source.bundle.bundleRef: ArtifactBundle docker: file b.tar is not there.';
    expect(found?.source.bundle?.artifacts).toEqual({
      value: [artifact('a'), { ...artifact('b'), problem: { ...wrong, message } }],
    });
  });
});
