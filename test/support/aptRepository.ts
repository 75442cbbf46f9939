import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Suite } from '../hosts/aptSources.ts';
import { run } from '../hosts/command.ts';
import { withLock } from '../hosts/lock.ts';
import { prepareMachine } from '../hosts/machine.ts';
import { CACHE } from '../hosts/paths.ts';
import { type EngineVersions, buildDockerPackages } from './dockerPackages.ts';

/** Raised when the packages or the layout change, so that old caches are not used. */
const RECIPE = 1;
/** The layout of Docker's own repository, below its host name. */
const PREFIX = 'linux/debian';

export interface AptRepositoryOptions {
  /** Where it listens; a fleet's `gateway` is what the fleet's hosts can reach. */
  bindAddress: string;
  suite: Suite;
  /** Default 0: any free port. */
  port?: number;
}

/** A running repository in the layout of Docker's own for Debian, signed by a key of its own. */
export interface AptRepository {
  /** What stands for `https://download.docker.com/linux/debian`: `dists/`, `pool/` and `gpg` are below it. */
  url: string;
  /** The ASCII-armoured public key, which is also served as `<url>/gpg`. */
  keyPath: string;
  /** 40 hexadecimal digits. */
  fingerprint: string;
  /** What it holds, older first. */
  versions: EngineVersions[];
  /** Paths that were asked for, in order. */
  requests: string[];
  stop(): Promise<void>;
}

interface Manifest {
  fingerprint: string;
  versions: EngineVersions[];
}

/** Serves Docker packages for the hosts of `suite`; builds them on first use (about a minute) into the cache. */
export async function startAptRepository(options: AptRepositoryOptions): Promise<AptRepository> {
  const directory = await builtRepository(options.suite);
  const manifest = JSON.parse(await readFile(join(directory, 'manifest.json'), 'utf8')) as Manifest;
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    serveFile(directory, request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.bindAddress, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.bindAddress}:${port}/${PREFIX}`,
    keyPath: join(directory, PREFIX, 'gpg'),
    ...manifest,
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function builtRepository(suite: Suite): Promise<string> {
  await prepareMachine();
  const directory = join(CACHE, 'apt', `${suite}-${RECIPE}`);
  await withLock(`${directory}.lock`, async () => {
    if (existsSync(directory)) return;
    const temporary = `${directory}.partial`;
    await rm(temporary, { recursive: true, force: true });
    const pool = `dists/${suite}/pool/stable/amd64`;
    const versions = await buildDockerPackages(suite, join(temporary, PREFIX, pool));
    await writeIndex(join(temporary, PREFIX), suite, pool);
    const fingerprint = await sign(join(temporary, PREFIX), suite);
    await writeFile(join(temporary, 'manifest.json'), JSON.stringify({ fingerprint, versions }, undefined, 2));
    await rename(temporary, directory);
  });
  return directory;
}

/** Source: wiki.debian.org/DebianRepository/Format. */
async function writeIndex(root: string, suite: Suite, pool: string): Promise<void> {
  const stanzas: string[] = [];
  for (const name of (await readdir(join(root, pool))).sort()) {
    const path = join(root, pool, name);
    const content = await readFile(path);
    const control = (await run(['dpkg-deb', '-f', path])).trimEnd();
    const sums = `MD5sum: ${digest('md5', content)}\nSHA256: ${digest('sha256', content)}`;
    stanzas.push(`${control}\nFilename: ${pool}/${name}\nSize: ${content.length}\n${sums}\n`);
  }
  const packages = Buffer.from(stanzas.join('\n'));
  const files = {
    'stable/binary-amd64/Packages': packages,
    'stable/binary-amd64/Packages.gz': gzipSync(packages),
  };
  const dist = join(root, 'dists', suite);
  await mkdir(join(dist, 'stable/binary-amd64'), { recursive: true });
  for (const [path, content] of Object.entries(files)) await writeFile(join(dist, path), content);
  const lines = Object.entries(files).map(
    ([path, content]) => ` ${digest('sha256', content)} ${content.length} ${path}`,
  );
  const head = ['Origin: Docker', 'Label: Docker CE', `Suite: ${suite}`, `Codename: ${suite}`, 'Components: stable'];
  const date = `Date: ${new Date().toUTCString().replace('GMT', 'UTC')}`;
  await writeFile(join(dist, 'Release'), [...head, date, 'Architectures: amd64', 'SHA256:', ...lines, ''].join('\n'));
}

/** Signs with a key made for this build, whose private half is then forgotten. Returns its fingerprint. */
async function sign(root: string, suite: Suite): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'hostler-gpg-'));
  const gpg = ['gpg', '--homedir', home, '--batch', '--quiet', '--yes'];
  const dist = join(root, 'dists', suite);
  try {
    const user = 'Docker Release (Hostler tests) <docker@hostler.invalid>';
    await run([...gpg, '--passphrase', '', '--quick-gen-key', user, 'rsa3072', 'sign', 'never']);
    await run([...gpg, '--armor', '--output', join(root, 'gpg'), '--export']);
    await run([...gpg, '--clearsign', '--output', join(dist, 'InRelease'), join(dist, 'Release')]);
    await run([...gpg, '--armor', '--detach-sign', '--output', join(dist, 'Release.gpg'), join(dist, 'Release')]);
    const listing = await run([...gpg, '--with-colons', '--list-keys']);
    const fingerprint = /^fpr:{9}([0-9A-F]{40}):/m.exec(listing)?.[1];
    if (fingerprint === undefined) throw new Error(`gpg shows no fingerprint: ${listing}`);
    return fingerprint;
  } finally {
    await run(['gpgconf', '--homedir', home, '--kill', 'all']);
    await rm(home, { recursive: true, force: true });
  }
}

function digest(algorithm: string, content: Buffer): string {
  return createHash(algorithm).update(content).digest('hex');
}

async function serveFile(directory: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://repository').pathname));
  const file = join(directory, path);
  const found = path.startsWith(`/${PREFIX}/`) && existsSync(file) ? await stat(file) : undefined;
  if (!found?.isFile()) {
    response.writeHead(404).end();
    return;
  }
  const modified = found.mtime.toUTCString();
  response.setHeader('Last-Modified', modified);
  if (request.headers['if-modified-since'] === modified) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, { 'Content-Length': found.size });
  if (request.method === 'HEAD') response.end();
  else createReadStream(file).pipe(response);
}
