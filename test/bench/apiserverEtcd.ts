import { toCrd } from '../../src/api/crd.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import { Client } from '../../src/kube/client.ts';
import type { Connection } from '../../src/kube/connection.ts';
import { connectionFromKubeconfig } from '../../src/kube/kubeconfig.ts';
import { kinds } from '../../src/api/kinds.ts';
import { eventually } from '../support/apiServer.ts';
import { EtcdCluster } from '../support/etcd.ts';
import { kubeObstacle } from '../support/kubeBinaries.ts';
import { KubeCluster } from '../support/kubeCluster.ts';
import { absolute, atLeastOf, type Row } from './report.ts';
import { ServerProcess } from './serverProcess.ts';
import { CLIENTS, OBJECTS, writeAll } from './writeLoad.ts';

const NAME = `writes on etcd, ${CLIENTS} clients`;
/** Of kube-apiserver's rate, on the same etcd. */
const SHARE = 0.5;

/**
 * Writes per second with etcd as the store, against kube-apiserver on the same etcd, one after the other. Without
 * kube-apiserver there is no peer, and no target but the rate.
 */
export async function onEtcd(): Promise<Row[]> {
  const obstacle = await kubeObstacle();
  if (obstacle !== undefined) {
    console.log(`no kube-apiserver to compare with: ${obstacle}`);
    const etcd = await EtcdCluster.start();
    try {
      return [absolute(NAME, '1/s', await hostlerRate(etcd.endpoints), { atLeast: 500 })];
    } finally {
      await etcd.remove();
    }
  }
  const peer = await KubeCluster.start({ controllerManager: false });
  try {
    const baseline = await kubernetesRate(connectionFromKubeconfig(peer.kubeconfig));
    return [atLeastOf(NAME, '1/s', { value: await hostlerRate([peer.etcdUrl]), baseline }, SHARE)];
  } finally {
    await peer.stop();
  }
}

async function hostlerRate(endpoints: readonly string[]): Promise<number> {
  const server = await ServerProcess.create(['--etcd-endpoints', endpoints.join(), '--etcd-prefix', '/hostler']);
  try {
    await server.start();
    const cpu = await server.cpuSeconds();
    const perSecond = await writeAll(server.connection);
    const used = (await server.cpuSeconds()) - cpu;
    console.log(
      `hostler: ${perSecond.toFixed(0)} writes/s, ${((used * 1000) / (2 * OBJECTS)).toFixed(3)} ms of CPU each`,
    );
    return perSecond;
  } finally {
    await server.remove();
  }
}

async function kubernetesRate(connection: Connection): Promise<number> {
  const client = new Client({ connection });
  for (const kind of kinds) {
    await client.request({
      method: 'POST',
      path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      body: toCrd(kind),
    });
  }
  await eventually(() => client.list(servers, { namespace: 'default' }), 30_000);
  const perSecond = await writeAll(connection);
  console.log(`kube-apiserver: ${perSecond.toFixed(0)} writes/s`);
  return perSecond;
}
