import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from '../hosts/lock.ts';
import { CACHE, REPOSITORY } from '../hosts/paths.ts';

/** Paths of the programs that a Kubernetes control plane consists of. */
export interface KubeBinaries {
  etcd: string;
  apiServer: string;
  controllerManager: string;
}

/** The Go module that pins them all. */
const MODULE = join(REPOSITORY, 'test/tools/kubernetes');
/** Names as controller-runtime's envtest knows them, and the Go packages they are built from. */
const PROGRAMS: Readonly<Record<string, string>> = {
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
};
/** Variable in which a build of Kubernetes elsewhere says what it is; without it `/version` tells nothing. */
const VERSION_PACKAGE = 'k8s.io/component-base/version';

const pins = readFileSync(join(MODULE, 'go.mod'), 'utf8');
/** Release of Kubernetes that is pinned, such as 1.35.4. */
const KUBERNETES_VERSION = pinned(/^require k8s\.io\/kubernetes v(\S+)/m);
/** Release of Go that it needs. */
const GO_VERSION = pinned(/^go (\S+)/m);

/** The programs that are there now: of `$KUBEBUILDER_ASSETS`, or built before; undefined when there are none. */
function kubeBinaries(): KubeBinaries | undefined {
  const directory = assets() ?? builtDirectory();
  const [etcd, apiServer, controllerManager] = Object.keys(PROGRAMS).map((name) => join(directory, name));
  if (etcd === undefined || apiServer === undefined || controllerManager === undefined) return undefined;
  return [etcd, apiServer, controllerManager].every((path) => existsSync(path))
    ? { etcd, apiServer, controllerManager }
    : undefined;
}

/**
 * Why a test cannot have a real kube-apiserver here, as a sentence with what would help; undefined when
 * {@link buildKubeBinaries} may be tried.
 */
export async function kubeObstacle(): Promise<string | undefined> {
  if (kubeBinaries() !== undefined) return undefined;
  const given = assets();
  if (given !== undefined) {
    return `KUBEBUILDER_ASSETS is ${given}, where not all of ${Object.keys(PROGRAMS).join(', ')} are`;
  }
  if (process.platform !== 'linux') return `a real kube-apiserver needs Linux, this is ${process.platform}`;
  const found = await goVersion();
  if (found !== undefined && isAtLeast(found, GO_VERSION)) return undefined;
  const there = found === undefined ? 'there is no Go' : `this is Go ${found}`;
  return (
    `kube-apiserver ${KUBERNETES_VERSION} is built with Go ${GO_VERSION} or newer, and ${there}; ` +
    'install Go, or set KUBEBUILDER_ASSETS to a directory with the programs'
  );
}

/**
 * Builds what is missing into the cache, whole or not at all; minutes the first time, nothing afterwards. Whoever comes
 * while another process builds waits for it.
 * @throws Error when the build fails, such as without a way to the Go module proxy.
 */
export async function buildKubeBinaries(say: (line: string) => void): Promise<KubeBinaries> {
  if (kubeBinaries() === undefined) await withLock(`${builtDirectory()}.lock`, () => build(say));
  const built = kubeBinaries();
  if (built === undefined) throw new Error(`the build left no programs in ${builtDirectory()}`);
  return built;
}

async function build(say: (line: string) => void): Promise<void> {
  const directory = builtDirectory();
  if (existsSync(directory)) return;
  say(`Building kube-apiserver ${KUBERNETES_VERSION}, kube-controller-manager and etcd from source, once.`);
  const temporary = await mkdtemp(`${directory}.`);
  try {
    for (const [name, source] of Object.entries(PROGRAMS)) {
      const started = performance.now();
      await go(['build', '-trimpath', '-ldflags', linkerFlags(), '-o', join(temporary, name), source]);
      say(`  ${name} in ${Math.round((performance.now() - started) / 1000)} s`);
    }
    await rename(temporary, directory);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function linkerFlags(): string {
  const [major = '', minor = ''] = KUBERNETES_VERSION.split('.');
  const values = { gitVersion: `v${KUBERNETES_VERSION}`, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  return ['-s -w', ...Object.entries(values).map(([name, value]) => `-X ${VERSION_PACKAGE}.${name}=${value}`)].join(
    ' ',
  );
}

async function go(args: readonly string[]): Promise<string> {
  await mkdir(CACHE, { recursive: true });
  // -mod=readonly: go.sum says what may be built; local: a test does not install another Go
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOTOOLCHAIN: 'local', GOWORK: 'off' };
  const child = spawn('go', args, { cwd: MODULE, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject).once('close', (status) => resolve(status ?? 128));
  });
  if (code !== 0) throw new Error(`go ${args.join(' ')} ended with ${code}`);
  return output;
}

async function goVersion(): Promise<string | undefined> {
  try {
    return /go(\d+\.\d+(?:\.\d+)?)/.exec(await go(['version']))?.[1];
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAtLeast(version: string, least: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0, leastPatch = 0] = least.split('.').map(Number);
  return major !== leastMajor ? major > leastMajor : minor !== leastMinor ? minor > leastMinor : patch >= leastPatch;
}

function assets(): string | undefined {
  const given = process.env['KUBEBUILDER_ASSETS'];
  return given === undefined || given === '' ? undefined : given;
}

/** By everything that is pinned, so that a newer etcd or library is another directory too. */
function builtDirectory(): string {
  const digest = createHash('sha256').update(pins).digest('hex').slice(0, 12);
  return join(CACHE, 'kubernetes', `${KUBERNETES_VERSION}-${digest}`);
}

function pinned(pattern: RegExp): string {
  const found = pattern.exec(pins)?.[1];
  if (found === undefined) throw new Error(`${MODULE}/go.mod does not say ${pattern.source}`);
  return found;
}
