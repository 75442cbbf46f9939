/**
 * `npm run bench:apiserver`: what the standalone API server can carry on its embedded store, against fixed targets.
 * HOSTLER_BENCH_OBJECTS: Servers kept (default 10000); HOSTLER_BENCH_WATCHERS: watchers of the fan-out (default 1000);
 * HOSTLER_BENCH_BUILD=0: take dist as it is. `-- --etcd`: in one run, kube-apiserver, Hostler on the
 * same etcd and Hostler on its embedded store, one after the other; builds kube-apiserver the first time. The load comes from this process on the same machine, so that client and
 * server share its cores: the figures are a lower bound of what the server does alone. The writes come over bare
 * connections, whose bodies are made beforehand and whose answers are not parsed: a client takes about a tenth of a
 * millisecond for each.
 *
 * server.json is a Server that a control plane brought to Ready over SSH on a Debian 12 machine, recorded with
 * `kubectl get server eu-1 -o json`, less uid, times and revision of its metadata; only the kernel's version is
 * replaced. With the managedFields that the server keeps, the stored object has 12 to 15 KB; that is checked.
 */
import { availableParallelism, loadavg } from 'node:os';
import { emptyStart, EVENTS, figuresOf, WATCHERS, type ApiFigures } from './apiFigures.ts';
import { besideKubernetes } from './apiserverEtcd.ts';
import { freshStart, measuredServer } from './measuredServer.ts';
import { absolute, report, type Row } from './report.ts';
import { build, ServerProcess } from './serverProcess.ts';
import { CLIENTS, OBJECTS } from './writeLoad.ts';

if (process.env['HOSTLER_BENCH_BUILD'] !== '0') await build();
const load = loadavg()[0]?.toFixed(1);
console.log(
  `${availableParallelism()} cores, load average ${load}: more than about 0.5 before the start makes all times worse`,
);
if (process.argv.includes('--etcd')) report('apiserver-etcd', await besideKubernetes());
else report('apiserver', await embedded());

async function embedded(): Promise<Row[]> {
  const empty = await emptyStart('embedded', freshStart);
  const server = await ServerProcess.create();
  try {
    await server.start();
    return rowsOf(empty, await figuresOf(measuredServer('embedded', server)));
  } finally {
    await server.remove();
  }
}

function rowsOf(empty: number, { writes, list, fanOut, memory, start }: ApiFigures): Row[] {
  const what = `fan-out of one event to ${WATCHERS} watchers`;
  return [
    absolute('start on an empty store to ready', 'ms', empty, { atMost: 1000 }),
    absolute(`writes, ${CLIENTS} clients`, '1/s', writes, { atLeast: 1500 }),
    absolute(`list of ${OBJECTS}`, 'ms', list, { atMost: 1000 }),
    absolute(`${what}: p50`, 'ms', fanOut.p50, { atMost: 500 }),
    absolute(`${what}: max of ${EVENTS}`, 'ms', fanOut.max, { atMost: 500 }),
    absolute(`memory with ${OBJECTS} watched objects`, 'MB', memory, { atMost: 1024 }),
    absolute(`start with ${OBJECTS} objects to ready`, 'ms', start, { atMost: 2000 }),
  ];
}
