import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, connect, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../../src/api/meta.ts';
import type { Client } from '../../src/kube/client.ts';
import { configMaps, pathOf, type Resource } from '../../src/kube/resource.ts';
import { messageOf } from '../../src/lib/errors.ts';
import type { Fleet } from '../hosts/fleet.ts';
import { attempt, run } from '../hosts/command.ts';
import type { Image } from './image.ts';
import { pods, type Container, type Pod, type Probe } from './pod.ts';
import { startContainer, type Mount } from './container.ts';

const NODE = 'stand-in';
const LOOK_MS = 200;
const nodes: Resource = { group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false };

/** What a {@link StandInNode} is made of. */
export interface StandInOptions {
  /** An administrator of the cluster. */
  client: Client;
  /** Pods are machines on its network, beside the hosts. */
  fleet: Fleet;
  /** By repository, as in a container's `image` before the tag. */
  images: Readonly<Record<string, Image>>;
}

/** One Pod that runs here. */
interface Running {
  pod: Pod;
  directory: string;
  network: string;
  address: string;
  child?: ChildProcess;
  restarts: number;
  started: boolean;
  ready: boolean;
  /** Probe name → failures in a row, and when it is due. */
  probes: Map<string, { failures: number; dueAt: number }>;
  startAt: number;
  /** While it is started or probed: a Pod that hangs keeps no other waiting, as with a kubelet. */
  tending?: Promise<void> | undefined;
}

/**
 * A node without a kubelet: binds every Pod to itself and runs its first container as a process from the Pod's own
 * definition: image, args, env, user, read-only root, projected token, probes, grace period. Each has its own network
 * namespace on the fleet's bridge, so cutting a Pod off is taking its link down.
 */
export class StandInNode {
  readonly #options: StandInOptions;
  readonly #directory: string;
  readonly #api: TcpServer;
  readonly #running = new Map<string, Running>();
  readonly #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #next = 1;

  private constructor(options: StandInOptions, directory: string, api: TcpServer) {
    this.#options = options;
    this.#directory = directory;
    this.#api = api;
  }

  /** Starts one and registers it. */
  static async start(options: StandInOptions): Promise<StandInNode> {
    const { client, fleet } = options;
    await removeOrphans();
    const directory = await mkdtemp(join(tmpdir(), 'hostler-pods-'));
    // Pods reach the API at the machine's address on their network
    const api = createServer((from) => {
      const to = connect(Number(client.server.port), client.server.hostname);
      from.pipe(to).pipe(from);
      for (const socket of [from, to]) socket.on('error', () => [from, to].forEach((one) => one.destroy()));
    });
    await new Promise<void>((resolve) => api.listen(0, fleet.gateway, resolve));
    const node = new StandInNode(options, directory, api);
    const spec = { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } };
    await client.create(nodes, spec);
    node.#loop = node.#run();
    return node;
  }

  /** Names of the Pods that run, oldest first. */
  get names(): string[] {
    return [...this.#running.values()].map(({ pod }) => pod.metadata.name);
  }

  /** Everything that a Pod's container printed. */
  async log(name: string): Promise<string> {
    return readFile(join(this.#named(name).directory, 'log'), 'utf8');
  }

  /** Sends the Pod's container a signal, such as SIGSTOP. */
  signal(name: string, signal: NodeJS.Signals): void {
    this.#named(name).child?.kill(signal);
  }

  /** Takes the Pod's link down: it reaches neither API nor hosts. */
  async cutOff(name: string): Promise<void> {
    await run(['ip', 'link', 'set', this.#named(name).network, 'down']);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    for (const running of this.#running.values()) {
      await running.tending;
      await this.#remove(running);
    }
    this.#api.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  #named(name: string): Running {
    const found = [...this.#running.values()].find(({ pod }) => pod.metadata.name === name);
    if (found === undefined) throw new Error(`no Pod ${name} runs here`);
    return found;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#look();
      } catch (error) {
        console.log(`stand-in node: ${messageOf(error)}`);
      }
      await sleep(LOOK_MS);
    }
  }

  async #look(): Promise<void> {
    const { items } = await this.#options.client.list(pods);
    for (const pod of items) {
      const running = this.#running.get(pod.metadata.uid ?? '');
      if (pod.metadata.deletionTimestamp !== undefined) await this.#end(pod, running);
      else if (running === undefined) await this.#begin(pod);
      else running.tending ??= this.#tend(running);
    }
    const known = new Set(items.map(({ metadata }) => metadata.uid));
    for (const [uid, running] of this.#running) {
      if (known.has(uid)) continue;
      this.#running.delete(uid);
      await this.#remove(running);
    }
  }

  async #begin(pod: Pod): Promise<void> {
    const { client, fleet } = this.#options;
    const path = pathOf(pods, pod.metadata, 'binding');
    const target = { apiVersion: 'v1', kind: 'Node', name: NODE };
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: pod.metadata.name }, target };
    if (pod.spec.nodeName === undefined) await client.request({ method: 'POST', path, body: binding });
    const directory = join(this.#directory, pod.metadata.uid ?? '');
    await mkdir(directory);
    // addresses that the fleet gives to hosts come from the other end
    const index = this.#next++;
    const running: Running = {
      pod,
      directory,
      network: `hp${process.pid}-${index}`,
      address: `${fleet.record.network.prefix}.${255 - index}`,
      restarts: 0,
      started: false,
      ready: false,
      probes: new Map(),
      startAt: 0,
    };
    this.#running.set(pod.metadata.uid ?? '', running);
    await this.#connect(running);
    await this.#report(running);
  }

  async #connect({ network, address }: Running): Promise<void> {
    const { bridge } = this.#options.fleet.record.network;
    await run(['ip', 'netns', 'add', network]);
    const inside = ['ip', '-n', network];
    await run(['ip', 'link', 'add', network, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', network]);
    await run(['ip', 'link', 'set', network, 'master', bridge, 'up']);
    await run([...inside, 'link', 'set', 'lo', 'up']);
    await run([...inside, 'address', 'add', `${address}/24`, 'dev', 'eth0']);
    await run([...inside, 'link', 'set', 'eth0', 'up']);
  }

  /** Starts what does not run, and probes what does. */
  async #tend(running: Running): Promise<void> {
    try {
      await this.#startOrProbe(running);
    } catch (error) {
      // it may be gone meanwhile
      if (this.#running.has(running.pod.metadata.uid ?? '')) console.log(`stand-in node: ${messageOf(error)}`);
    }
    running.tending = undefined;
  }

  async #startOrProbe(running: Running): Promise<void> {
    const { child } = running;
    const container = running.pod.spec.containers[0]!;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      if (Date.now() < running.startAt) return;
      if (child !== undefined) running.restarts++;
      running.startAt = Date.now() + Math.min(10_000, 500 * 2 ** running.restarts);
      Object.assign(running, { started: container.startupProbe === undefined, ready: false, probes: new Map() });
      running.child = await this.#startContainer(running, container);
      // the Pod was removed meanwhile
      if (!this.#running.has(running.pod.metadata.uid ?? '')) running.child.kill('SIGKILL');
      await this.#report(running);
      return;
    }
    const before = running.ready;
    if (!running.started) running.started = (await this.#probe(running, 'startup', container.startupProbe)) === true;
    if (running.started) {
      await this.#probe(running, 'liveness', container.livenessProbe);
      running.ready = (await this.#probe(running, 'readiness', container.readinessProbe)) ?? running.ready;
    }
    if (running.ready !== before) await this.#report(running);
  }

  /** Whether the probe succeeded; undefined when it was not due. A startup or liveness probe that gives up kills. */
  async #probe(running: Running, name: string, probe: Probe | undefined): Promise<boolean | undefined> {
    if (probe === undefined) return true;
    const state = running.probes.get(name) ?? { failures: 0, dueAt: 0 };
    running.probes.set(name, state);
    if (Date.now() < state.dueAt) return undefined;
    state.dueAt = Date.now() + (probe.periodSeconds ?? 10) * 1000;
    const port = portOf(running.pod.spec.containers[0]!, probe.httpGet.port);
    const url = `http://${running.address}:${port}${probe.httpGet.path}`;
    const isOk = await fetch(url, { signal: AbortSignal.timeout((probe.timeoutSeconds ?? 1) * 1000) }).then(
      ({ ok }) => ok,
      () => false,
    );
    state.failures = isOk ? 0 : state.failures + 1;
    if (name !== 'readiness' && state.failures >= (probe.failureThreshold ?? 3)) running.child?.kill('SIGKILL');
    return isOk;
  }

  async #startContainer(running: Running, container: Container): Promise<ChildProcess> {
    const { pod, directory, network } = running;
    const image = this.#options.images[container.image.replace(/[@:][^/]*$/, '')];
    if (image === undefined) throw new Error(`the stand-in node has no image ${container.image}`);
    const security = { ...pod.spec.securityContext, ...container.securityContext };
    const { address, port } = this.#api.address() as { address: string; port: number };
    const service = { KUBERNETES_SERVICE_HOST: address, KUBERNETES_SERVICE_PORT: String(port) };
    return startContainer({
      directory,
      network,
      argv: [...(container.command ?? image.entrypoint), ...(container.args ?? image.command)],
      env: { ...service, ...environmentOf(running, container) },
      workingDirectory: container.workingDir ?? image.workingDirectory,
      uid: security.runAsUser ?? image.uid,
      gid: security.runAsGroup ?? image.gid,
      readOnlyRoot: security.readOnlyRootFilesystem === true,
      mounts: [...image.mounts, ...(await this.#volumes(running, container))],
      log: join(directory, 'log'),
    });
  }

  async #volumes({ pod, directory }: Running, container: Container): Promise<Mount[]> {
    const mounts: Mount[] = [];
    for (const { name, mountPath, readOnly = false } of container.volumeMounts ?? []) {
      const volume = pod.spec.volumes?.find((one) => one.name === name);
      const source = join(directory, 'volumes', name);
      await mkdir(source, { recursive: true, mode: 0o777 });
      if (volume?.projected !== undefined) await this.#project(pod, volume.projected, source);
      else if (volume?.emptyDir === undefined) throw new Error(`the stand-in node has no volumes such as ${name}`);
      else await run(['chmod', '1777', source]);
      mounts.push({ source, path: mountPath, readOnly });
    }
    return mounts;
  }

  async #project(
    pod: Pod,
    { sources }: NonNullable<Pod['spec']['volumes']>[number]['projected'] & object,
    into: string,
  ) {
    const { client } = this.#options;
    for (const { serviceAccountToken: token, configMap, downwardAPI } of sources) {
      if (token !== undefined) await writeFile(join(into, token.path), await this.#token(pod, token.expirationSeconds));
      if (configMap !== undefined) {
        const { data = {} } = await client.get(configMaps, { ...pod.metadata, name: configMap.name });
        for (const { key, path } of configMap.items) await writeFile(join(into, path), data[key] ?? '');
      }
      for (const { path } of downwardAPI?.items ?? []) await writeFile(join(into, path), pod.metadata.namespace ?? '');
    }
  }

  async #token(pod: Pod, expirationSeconds: number): Promise<string> {
    const { name, uid, namespace = '' } = pod.metadata;
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name, uid };
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [], expirationSeconds, boundObjectRef },
    };
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${pod.spec.serviceAccountName}/token`;
    const { status } = await this.#options.client.request<{ status: { token: string } }>({
      method: 'POST',
      path,
      body,
    });
    return status.token;
  }

  async #report({ pod, address, ready, restarts, child }: Running): Promise<void> {
    const container = pod.spec.containers[0]!;
    const conditions = ['Initialized', 'PodScheduled', 'ContainersReady', 'Ready'].map((type) => ({
      type,
      status: ready || !type.includes('Ready') ? 'True' : 'False',
      lastTransitionTime: new Date().toISOString(),
    }));
    const state = child === undefined ? { waiting: { reason: 'ContainerCreating' } } : { running: {} };
    const { name, image } = container;
    const containerStatuses = [{ name, image, imageID: image, ready, restartCount: restarts, started: true, state }];
    const status = { phase: 'Running', podIP: address, podIPs: [{ ip: address }], conditions, containerStatuses };
    await this.#options.client.patch<KubeObject>(pods, pod.metadata, { status }, { subresource: 'status' });
  }

  /** As a kubelet: SIGTERM, the grace period, SIGKILL, and only then the object goes. */
  async #end(pod: Pod, running: Running | undefined): Promise<void> {
    // what is being started would outlive the object
    if (running?.child === undefined) await running?.tending;
    const child = running?.child;
    const isAlive = child !== undefined && child.exitCode === null && child.signalCode === null;
    const deadline = Date.parse(pod.metadata.deletionTimestamp ?? '');
    if (isAlive) {
      child.kill(Date.now() > deadline ? 'SIGKILL' : 'SIGTERM');
      return;
    }
    const { uid = '' } = pod.metadata;
    await this.#options.client.delete(pods, pod.metadata, { uid, gracePeriodSeconds: 0 });
  }

  async #remove({ child, network }: Running): Promise<void> {
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    await attempt(['ip', 'link', 'delete', network]);
    await attempt(['ip', 'netns', 'delete', network]);
  }
}

/** Network namespaces of test processes that were killed. */
async function removeOrphans(): Promise<void> {
  const { stdout } = await attempt(['ip', 'netns', 'list']);
  for (const [, name = '', pid = ''] of stdout.matchAll(/^(hp(\d+)-\d+)/gm))
    if (!existsSync(`/proc/${pid}`)) await attempt(['ip', 'netns', 'delete', name]);
}

function environmentOf({ pod, address }: Running, { env = [] }: Container): Record<string, string> {
  const fields: Record<string, string> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': pod.metadata.namespace ?? '',
    'status.podIP': address,
  };
  const valueOf = ({ name, value = '', valueFrom }: NonNullable<Container['env']>[number]): [string, string] => {
    const path = valueFrom?.fieldRef.fieldPath;
    const found = path === undefined ? value : fields[path];
    if (found === undefined) throw new Error(`the stand-in node knows no field ${path} for ${name}`);
    return [name, found];
  };
  return Object.fromEntries(env.map(valueOf));
}

function portOf({ ports = [] }: Container, port: string | number): number {
  if (typeof port === 'number') return port;
  const found = ports.find(({ name }) => name === port)?.containerPort;
  if (found === undefined) throw new Error(`the container has no port ${port}`);
  return found;
}
