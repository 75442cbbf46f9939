import { cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../hosts/command.ts';
import type { Host } from '../hosts/host.ts';
import { NODE_RELEASES, installNode, installNpm, nodePath, npmPath } from './nodeRelease.mjs';
import { ROOT } from './workingCopy.ts';

/** What Node 24.9.0 comes with. */
const NPM = '11.6.0';
/** On the host, what is laid over its own files. */
const OVERLAY = '/srv/node-image';
/** As Debian's slim image: no engine, no services; certificates, which that lacks, for a registry of one's own. */
const LEFT_OUT = ['*docker*', '*containerd*', '*/runc', 'usr/lib/systemd', 'usr/share'];
const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];

/** Why {@link importNodeImage} cannot work here; undefined when it can. */
export async function nodeImageObstacle(): Promise<string | undefined> {
  const { release } = await wanted();
  const installed = [await installNode(release), await installNpm(NPM)];
  return installed.some(({ code }) => code !== 0)
    ? `Node ${release} is not to be had from the npm registry`
    : undefined;
}

/**
 * Gives the host's Docker engine an image under the name that the Dockerfile builds on, where no registry of images
 * is reached: Debian of the host, and the same release line of Node as npm has it.
 */
export async function importNodeImage(host: Host): Promise<void> {
  const { image, release } = await wanted();
  const local = join(host.root, OVERLAY, 'usr/local');
  await mkdir(join(local, 'bin'), { recursive: true });
  await cp(nodePath(release), join(local, 'bin/node'));
  await cp(npmPath(NPM), join(local, 'lib/node_modules/npm'), { recursive: true });
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'));
  await host.run(
    `overlay=$1 image=$2
    shift 2
    tar -C / "$@" -c bin sbin lib lib64 etc usr/bin usr/sbin usr/lib usr/lib64 tmp -C "$overlay" usr/local |
      docker import -c 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' - "$image" >/dev/null`,
    { args: [OVERLAY, image, ...LEFT_OUT.map((pattern) => `--exclude=${pattern}`)] },
  );
}

/** For `docker build`, what this machine's own npm needs to reach its registry. */
export async function buildArguments(): Promise<string[]> {
  const registry = (await run(['npm', 'config', 'get', 'registry'])).trim();
  const proxies = PROXIES.flatMap((name) => {
    const value = process.env[name];
    return value === undefined || value === '' ? [] : [`${name}=${value}`];
  });
  return [`NPM_CONFIG_REGISTRY=${registry}`, ...proxies].flatMap((one) => ['--build-arg', one]);
}

/** The image that the Dockerfile names, and the release of Node that stands in for it. */
async function wanted(): Promise<{ image: string; release: string }> {
  const dockerfile = await readFile(join(ROOT, 'Dockerfile'), 'utf8');
  const [, image, major] = /^ARG NODE_IMAGE=(node:(\d+)\S*)$/m.exec(dockerfile) ?? [];
  const release = NODE_RELEASES.find((one) => one.startsWith(`${major}.`));
  if (image === undefined || release === undefined) throw new Error('CI tries no release of Node as in the Dockerfile');
  return { image, release };
}
