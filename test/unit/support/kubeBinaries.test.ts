import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hostler-assets-'));
  vi.resetModules();
  // nothing built, and no Go to build with
  vi.stubEnv('XDG_CACHE_HOME', join(directory, 'cache'));
  vi.stubEnv('PATH', directory);
  vi.stubEnv('KUBEBUILDER_ASSETS', directory);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

/** What keeps a test from a real kube-apiserver when the assets hold these programs. */
async function obstacleWith(...programs: string[]): Promise<string | undefined> {
  for (const name of programs) await writeFile(join(directory, name), '');
  const { kubeObstacle } = await import('../../support/kubeBinaries.ts');
  return kubeObstacle();
}

describe('KUBEBUILDER_ASSETS', () => {
  it('need nothing else when they hold all programs', async () => {
    expect(await obstacleWith('etcd', 'kube-apiserver', 'kube-controller-manager')).toBeUndefined();
  });

  it('of envtest lack one, which is then built', async () => {
    expect(await obstacleWith('etcd', 'kube-apiserver', 'kubectl')).toMatch(/^kube-controller-manager of Kubernetes/);
  });
});
