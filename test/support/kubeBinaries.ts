import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from '../hosts/lock.ts';
import { CACHE, REPOSITORY } from '../hosts/paths.ts';
import { go, goVersionOf, missingGo } from './go.ts';

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
const GO_VERSION = goVersionOf(pins);

/** The programs that are there now: of `$KUBEBUILDER_ASSETS`, or built before; undefined when one is missing. */
function kubeBinaries(): KubeBinaries | undefined {
  const [etcd, apiServer, controllerManager] = Object.keys(PROGRAMS).map(pathOf);
  if (etcd === undefined || apiServer === undefined || controllerManager === undefined) return undefined;
  return { etcd, apiServer, controllerManager };
}

/** Where the program is; the assets of envtest have no kube-controller-manager, which is built beside them then. */
function pathOf(name: string): string | undefined {
  const directories = [assets(), builtDirectory()].filter((directory) => directory !== undefined);
  return directories.map((directory) => join(directory, name)).find((path) => existsSync(path));
}

/**
 * Why a test cannot have a real kube-apiserver here, as a sentence with what would help; undefined when
 * {@link buildKubeBinaries} may be tried.
 */
export async function kubeObstacle(): Promise<string | undefined> {
  const lacking = Object.keys(PROGRAMS).filter((name) => pathOf(name) === undefined);
  if (lacking.length === 0) return undefined;
  if (process.platform !== 'linux') return `a real kube-apiserver needs Linux, this is ${process.platform}`;
  const missing = await missingGo(MODULE, GO_VERSION);
  if (missing === undefined) return undefined;
  return (
    `${lacking.join(' and ')} of Kubernetes ${KUBERNETES_VERSION} is built with Go ${GO_VERSION} or newer, and ${missing}; ` +
    'install Go, or set KUBEBUILDER_ASSETS to a directory with it'
  );
}

/**
 * Builds what is missing into the cache, each program whole or not at all; minutes the first time, nothing afterwards. Whoever comes
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
  const missing = Object.entries(PROGRAMS).filter(([name]) => pathOf(name) === undefined);
  if (missing.length === 0) return;
  say(`Building ${missing.map(([name]) => name).join(', ')} of Kubernetes ${KUBERNETES_VERSION} from source, once.`);
  await mkdir(builtDirectory(), { recursive: true });
  const temporary = await mkdtemp(`${builtDirectory()}.`);
  try {
    for (const [name, source] of missing) {
      const started = performance.now();
      await go(MODULE, ['build', '-trimpath', '-ldflags', linkerFlags(), '-o', join(temporary, name), source]);
      await rename(join(temporary, name), join(builtDirectory(), name));
      say(`  ${name} in ${Math.round((performance.now() - started) / 1000)} s`);
    }
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
