import { inParallel, LoadClient } from './apiLoad.ts';
import type { Connection } from '../../src/kube/connection.ts';
import { median } from './report.ts';
import { CLIENTS, nameOf, OBJECTS, PATH, statusBody, statusPatch, writeAll } from './writeLoad.ts';

/** Of the fan-out; HOSTLER_BENCH_WATCHERS. */
export const WATCHERS = Number(process.env['HOSTLER_BENCH_WATCHERS'] ?? 1000);
export const EVENTS = 20;
const LISTS = 5;
const STARTS = 3;

/** A running API server that is measured from outside. */
export interface MeasuredApi {
  /** For what is printed. */
  name: string;
  connection: Connection;
  /** A figure of /proc/PID/status in MB. */
  memory: (field: string) => Promise<number>;
  cpuSeconds: () => Promise<number>;
  /** Ends it as `kill` does and starts it on the same store. Milliseconds from its start until it is ready. */
  restart: () => Promise<number>;
}

/** What is measured of each API server; times in milliseconds. */
export interface ApiFigures {
  /** Per second. */
  writes: number;
  list: number;
  fanOut: { p50: number; max: number };
  /** RSS in MB. */
  memory: number;
  /** On the filled store. */
  start: number;
}

/** Fills it and measures it, in this order. */
export async function figuresOf(api: MeasuredApi): Promise<ApiFigures> {
  const writes = await writesOf(api);
  const figures = { writes, list: await list(api), fanOut: await fanOut(api), memory: await memory(api) };
  return { ...figures, start: await fullStart(api) };
}

/** Writes per second: every Server is created and gets its status. */
export async function writesOf(api: MeasuredApi): Promise<number> {
  const cpu = await api.cpuSeconds();
  const perSecond = await writeAll(api.connection);
  const used = (await api.cpuSeconds()) - cpu;
  console.log(
    `${api.name}: ${perSecond.toFixed(0)} writes/s, ${((used * 1000) / (2 * OBJECTS)).toFixed(3)} ms of CPU each`,
  );
  await checkSize(api);
  return perSecond;
}

async function checkSize({ connection, name }: MeasuredApi): Promise<void> {
  const client = await LoadClient.create(connection, 1);
  const length = await client.send({ method: 'GET', path: `${PATH}/${nameOf(0)}` });
  client.close();
  console.log(`${name}: a stored Server has ${length} bytes`);
  if (length < 12_000 || length > 15_500)
    throw new Error(`a stored Server has ${length} bytes; the budget is for 12 to 15 KB: adjust server.json`);
}

/** The whole answer of an unpaged list, as fast as it can be taken off the connection. */
async function list({ connection, name }: MeasuredApi): Promise<number> {
  const client = await LoadClient.create(connection, 1);
  try {
    const times: number[] = [];
    for (let round = 0; round < LISTS; round++) {
      const begin = performance.now();
      const length = await client.send({ method: 'GET', path: PATH });
      times.push(performance.now() - begin);
      if (length < OBJECTS * 12_000) throw new Error(`the list has only ${length} bytes`);
    }
    console.log(`${name}: list: ${times.map((time) => time.toFixed(0)).join(' ')} ms`);
    return median(times);
  } finally {
    client.close();
  }
}

/** From sending a write until the last of all watchers has the whole event. */
async function fanOut({ connection }: MeasuredApi): Promise<ApiFigures['fanOut']> {
  const client = await LoadClient.create(connection, WATCHERS + 1);
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
    return { p50: median(times), max: Math.max(...times) };
  } finally {
    client.close();
  }
}

/** After all the above, while an informer (list, then watch) follows every object. */
async function memory(api: MeasuredApi): Promise<number> {
  const client = await LoadClient.create(api.connection, 2);
  try {
    await client.watch(`${PATH}?watch=true&resourceVersion=0`, () => undefined);
    const rss = await api.memory('VmRSS');
    const [own, peak] = [await api.memory('RssAnon'), await api.memory('VmHWM')];
    console.log(
      `${api.name}: RSS ${rss.toFixed(0)} MB, of it anonymous ${own.toFixed(0)} MB; peak RSS ${peak.toFixed(0)} MB`,
    );
    return rss;
  } finally {
    client.close();
  }
}

/** Start on the filled store; a list proves that ready means ready. */
async function fullStart(api: MeasuredApi): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < STARTS; round++) {
    times.push(await api.restart());
    console.log(`${api.name}: start with ${OBJECTS} objects: ${(await api.cpuSeconds()).toFixed(2)} s of CPU`);
    const client = await LoadClient.create(api.connection, 1);
    await client.send({ method: 'GET', path: `${PATH}?limit=1` });
    client.close();
  }
  return median(times);
}

/** Starts a fresh one a few times. Milliseconds until it is ready; the middle one. */
export async function emptyStart(
  name: string,
  fresh: () => Promise<{ startMs: number; cpuSeconds: number }>,
): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < STARTS; round++) {
    const { startMs, cpuSeconds } = await fresh();
    times.push(startMs);
    console.log(`${name}: start on an empty store: ${cpuSeconds.toFixed(2)} s of CPU`);
  }
  return median(times);
}
