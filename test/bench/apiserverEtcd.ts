import { kinds } from '../../src/api/kinds.ts';
import { toCrd } from '../../src/api/crd.ts';
import { Client } from '../../src/kube/client.ts';
import type { Connection } from '../../src/kube/connection.ts';
import { connectionFromKubeconfig } from '../../src/kube/kubeconfig.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import { eventually } from '../support/apiServer.ts';
import { EtcdCluster } from '../support/etcd.ts';
import { kubeObstacle } from '../support/kubeBinaries.ts';
import { KubeCluster } from '../support/kubeCluster.ts';
import { emptyStart, figuresOf, WATCHERS, writesOf, type ApiFigures, type MeasuredApi } from './apiFigures.ts';
import { freshStart, measuredServer } from './measuredServer.ts';
import { cpuSecondsOf, memoryOf } from './processFigures.ts';
import { absolute, atLeastOf, compared, type Row } from './report.ts';
import { ServerProcess } from './serverProcess.ts';
import { CLIENTS, OBJECTS } from './writeLoad.ts';

const ON_ETCD = `writes on etcd, ${CLIENTS} clients`;

/**
 * kube-apiserver, then Hostler on the very same etcd, then Hostler on its embedded store, one after the other. Without
 * kube-apiserver there is no peer, and no target but the rate on etcd.
 */
export async function besideKubernetes(): Promise<Row[]> {
  const obstacle = await kubeObstacle();
  if (obstacle !== undefined) {
    console.log(`no kube-apiserver to compare with: ${obstacle}`);
    const etcd = await EtcdCluster.start();
    try {
      return [absolute(ON_ETCD, '1/s', await onEtcd(etcd.endpoints, writesOf), { atLeast: 500 })];
    } finally {
      await etcd.remove();
    }
  }
  const peer = await KubeCluster.start({ controllerManager: false });
  try {
    const emptyMs = peer.apiServerStartMs;
    const baseline = await figuresOf(await kubernetes(peer));
    const writes = await onEtcd([peer.etcdUrl], writesOf);
    const emptyRow = compared(
      'start on an empty store to ready',
      'ms',
      { value: await emptyStart('embedded', freshStart), baseline: emptyMs },
      0.2,
    );
    return [
      atLeastOf(ON_ETCD, '1/s', { value: writes, baseline: baseline.writes }, 0.5),
      ...rowsOf(await embedded(), baseline),
      emptyRow,
    ];
  } finally {
    await peer.stop();
  }
}

function rowsOf(ours: ApiFigures, theirs: ApiFigures): Row[] {
  const pair = (of: (figures: ApiFigures) => number) => ({ value: of(ours), baseline: of(theirs) });
  const fanOut = `fan-out of one event to ${WATCHERS} watchers`;
  return [
    atLeastOf(
      `writes on the embedded store, ${CLIENTS} clients`,
      '1/s',
      pair(({ writes }) => writes),
      1,
    ),
    compared(
      `list of ${OBJECTS}`,
      'ms',
      pair(({ list }) => list),
      1,
    ),
    compared(
      `${fanOut}: p50`,
      'ms',
      pair(({ fanOut: { p50 } }) => p50),
      1,
    ),
    compared(
      `${fanOut}: max`,
      'ms',
      pair(({ fanOut: { max } }) => max),
      1,
    ),
    compared(
      `memory with ${OBJECTS} watched objects`,
      'MB',
      pair(({ memory }) => memory),
      0.5,
    ),
    compared(
      `start with ${OBJECTS} objects to ready`,
      'ms',
      pair(({ start }) => start),
      0.2,
    ),
  ];
}

async function embedded(): Promise<ApiFigures> {
  const server = await ServerProcess.create();
  try {
    await server.start();
    return await figuresOf(measuredServer('hostler, embedded', server));
  } finally {
    await server.remove();
  }
}

async function onEtcd<T>(endpoints: readonly string[], measure: (api: MeasuredApi) => Promise<T>): Promise<T> {
  const server = await ServerProcess.create(['--etcd-endpoints', endpoints.join(), '--etcd-prefix', '/hostler']);
  try {
    await server.start();
    return await measure(measuredServer('hostler, etcd', server));
  } finally {
    await server.remove();
  }
}

async function kubernetes(cluster: KubeCluster): Promise<MeasuredApi> {
  const connection = connectionFromKubeconfig(cluster.kubeconfig);
  await installKinds(connection);
  return {
    name: 'kube-apiserver',
    connection,
    memory: (field) => memoryOf(cluster.apiServerPid, field),
    cpuSeconds: () => cpuSecondsOf(cluster.apiServerPid),
    restart: () => cluster.restartApiServer(),
  };
}

async function installKinds(connection: Connection): Promise<void> {
  const client = new Client({ connection });
  for (const kind of kinds) {
    await client.request({
      method: 'POST',
      path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      body: toCrd(kind),
    });
  }
  await eventually(() => client.list(servers, { namespace: 'default' }), 30_000);
}
