/**
 * `npm run bench:apiserver`: what the standalone API server can carry on its embedded store, against fixed targets.
 * HOSTLER_BENCH_OBJECTS: Servers kept (default 10000); HOSTLER_BENCH_WATCHERS: watchers of the fan-out (default 1000);
 * HOSTLER_BENCH_BUILD=0: take dist as it is. `-- --etcd`: only the writes, with etcd as the store, against kube-apiserver. The load comes from this process on the same machine, so that client and
 * server share its cores: the figures are a lower bound of what the server does alone. The writes come over bare
 * connections, whose bodies are made beforehand and whose answers are not parsed: a client takes about a tenth of a
 * millisecond for each.
 *
 * server.json is a Server that a control plane brought to Ready over SSH on a Debian 12 machine, recorded with
 * `kubectl get server eu-1 -o json`, less uid, times and revision of its metadata; only the kernel's version is
 * replaced. With the managedFields that the server keeps, the stored object has 12 to 15 KB; that is checked.
 */
import { availableParallelism, loadavg } from 'node:os';
import { inParallel, LoadClient } from './apiLoad.ts';
import { onEtcd } from './apiserverEtcd.ts';
import { absolute, median, report, type Row } from './report.ts';
import { build, ServerProcess } from './serverProcess.ts';
import { CLIENTS, nameOf, OBJECTS, PATH, statusBody, statusPatch, writeAll } from './writeLoad.ts';

const WATCHERS = Number(process.env['HOSTLER_BENCH_WATCHERS'] ?? 1000);
const LISTS = 5;
const EVENTS = 20;
const STARTS = 3;

if (process.env['HOSTLER_BENCH_BUILD'] !== '0') await build();
const load = loadavg()[0]?.toFixed(1);
console.log(
  `${availableParallelism()} cores, load average ${load}: more than about 0.5 before the start makes all times worse`,
);
const server = await ServerProcess.create();
try {
  if (process.argv.includes('--etcd')) report('apiserver-etcd', await onEtcd());
  else report('apiserver', await embedded());
} finally {
  await server.remove();
}

async function embedded(): Promise<Row[]> {
  const rows = [await emptyStart()];
  await server.start();
  rows.push(await writes(), await list(), ...(await fanOut()), await memory());
  await server.stop();
  rows.push(await fullStart());
  return rows;
}

async function emptyStart(): Promise<Row> {
  const times: number[] = [];
  for (let round = 0; round < STARTS; round++) {
    const fresh = await ServerProcess.create();
    try {
      times.push(await fresh.start());
      console.log(`start on an empty store: ${(await fresh.cpuSeconds()).toFixed(2)} s of CPU`);
    } finally {
      await fresh.remove();
    }
  }
  return absolute('start on an empty store to ready', 'ms', median(times), { atMost: 1000 });
}

async function writes(): Promise<Row> {
  const cpu = await server.cpuSeconds();
  const perSecond = await writeAll(server.connection);
  const used = (await server.cpuSeconds()) - cpu;
  console.log(`server CPU per write: ${((used * 1000) / (2 * OBJECTS)).toFixed(3)} ms`);
  await checkSize();
  return absolute(`writes, ${CLIENTS} clients`, '1/s', perSecond, { atLeast: 1500 });
}

async function checkSize(): Promise<void> {
  const client = await LoadClient.create(server.connection, 1);
  const length = await client.send({ method: 'GET', path: `${PATH}/${nameOf(0)}` });
  client.close();
  console.log(`a stored Server has ${length} bytes`);
  if (length < 12_000 || length > 15_500)
    throw new Error(`a stored Server has ${length} bytes; the budget is for 12 to 15 KB: adjust server.json`);
}

/** The whole answer of an unpaged list, as fast as it can be taken off the connection. */
async function list(): Promise<Row> {
  const client = await LoadClient.create(server.connection, 1);
  try {
    const times: number[] = [];
    for (let round = 0; round < LISTS; round++) {
      const begin = performance.now();
      const length = await client.send({ method: 'GET', path: PATH });
      times.push(performance.now() - begin);
      if (length < OBJECTS * 12_000) throw new Error(`the list has only ${length} bytes`);
    }
    console.log(`list: ${times.map((time) => time.toFixed(0)).join(' ')} ms`);
    return absolute(`list of ${OBJECTS}`, 'ms', median(times), { atMost: 1000 });
  } finally {
    client.close();
  }
}

/** From sending a write until the last of all watchers has the whole event. */
async function fanOut(): Promise<Row[]> {
  const client = await LoadClient.create(server.connection, WATCHERS + 1);
  let missing = 0;
  let complete: () => void = () => undefined;
  const onEvent = (): void => {
    missing--;
    if (missing === 0) complete();
  };
  try {
    const { metadata } = await client.get<{ metadata: { resourceVersion: string } }>(`${PATH}?limit=1`);
    const path = `${PATH}?watch=true&resourceVersion=${metadata.resourceVersion}`;
    await inParallel(CLIENTS, WATCHERS, () => client.watch(path, onEvent));
    const times: number[] = [];
    for (let round = 0; round < EVENTS; round++) {
      const all = new Promise<void>((resolve) => (complete = resolve));
      missing = WATCHERS;
      const begin = performance.now();
      await client.send(statusPatch(0, statusBody(round % 2 === 0 ? 'Degraded' : 'Active')));
      await all;
      times.push(performance.now() - begin);
    }
    const what = `fan-out of one event to ${WATCHERS} watchers`;
    return [
      absolute(`${what}: p50`, 'ms', median(times), { atMost: 500 }),
      absolute(`${what}: max of ${EVENTS}`, 'ms', Math.max(...times), { atMost: 500 }),
    ];
  } finally {
    client.close();
  }
}

/** After all the above, while an informer (list, then watch) follows every object. */
async function memory(): Promise<Row> {
  const client = await LoadClient.create(server.connection, 2);
  try {
    await client.watch(`${PATH}?watch=true&resourceVersion=0`, () => undefined);
    const rss = await server.memory('VmRSS');
    const [own, peak] = [await server.memory('RssAnon'), await server.memory('VmHWM')];
    console.log(
      `memory: RSS ${rss.toFixed(0)} MB, of it anonymous ${own.toFixed(0)} MB; peak RSS ${peak.toFixed(0)} MB`,
    );
    return absolute(`memory with ${OBJECTS} watched objects`, 'MB', rss, { atMost: 1024 });
  } finally {
    client.close();
  }
}

/** Start on the filled store; a list proves that ready means ready. */
async function fullStart(): Promise<Row> {
  const times: number[] = [];
  for (let round = 0; round < STARTS; round++) {
    times.push(await server.start());
    console.log(`start with ${OBJECTS} objects: ${(await server.cpuSeconds()).toFixed(2)} s of CPU`);
    const client = await LoadClient.create(server.connection, 1);
    await client.send({ method: 'GET', path: `${PATH}?limit=1` });
    client.close();
    await server.stop();
  }
  return absolute(`start with ${OBJECTS} objects to ready`, 'ms', median(times), { atMost: 2000 });
}
