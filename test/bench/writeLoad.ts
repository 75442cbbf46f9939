import { readFile } from 'node:fs/promises';
import type { Server } from '../../src/api/server.ts';
import type { Connection } from '../../src/kube/connection.ts';
import type { Ask } from './apiLoad.ts';
import { BareConnection } from './bareConnection.ts';

/** Servers kept; HOSTLER_BENCH_OBJECTS. */
export const OBJECTS = Number(process.env['HOSTLER_BENCH_OBJECTS'] ?? 10_000);
export const CLIENTS = 64;
export const PATH = '/apis/hostler.dev/v1alpha1/namespaces/default/servers';

const recorded = JSON.parse(await readFile(new URL('server.json', import.meta.url), 'utf8')) as Server;
const PLACEHOLDER = 'name-of-the-server';
/** What is created, as text: each Server differs in nothing but its name. */
const TEMPLATE = JSON.stringify({
  apiVersion: recorded.apiVersion,
  kind: recorded.kind,
  metadata: { ...recorded.metadata, name: PLACEHOLDER },
  spec: recorded.spec,
});

/**
 * Every Server is created and then gets its status as a merge patch: two durable writes each. Returns writes per second.
 */
export async function writeAll(connection: Connection): Promise<number> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => BareConnection.open(connection)));
  const send = async (ask: (index: number) => Ask): Promise<void> => {
    let next = 0;
    const run = async (client: BareConnection): Promise<void> => {
      while (next < OBJECTS) await client.exchange(ask(next++));
    };
    await Promise.all(clients.map(run));
  };
  const status = statusBody('Active');
  try {
    const begin = performance.now();
    await send(creation);
    const between = performance.now();
    await send((index) => statusPatch(index, status));
    const end = performance.now();
    console.log(`creates/s ${rate(begin, between)}, status patches/s ${rate(between, end)}`);
    return (2 * OBJECTS * 1000) / (end - begin);
  } finally {
    for (const client of clients) client.close();
  }
}

function rate(begin: number, end: number): string {
  return ((OBJECTS * 1000) / (end - begin)).toFixed(0);
}

function creation(index: number): Ask {
  const path = `${PATH}?fieldManager=kubectl-client-side-apply`;
  return { method: 'POST', path, body: Buffer.from(TEMPLATE.replace(PLACEHOLDER, nameOf(index))) };
}

/** A status as a merge patch. */
export function statusBody(summary: string): Buffer {
  return Buffer.from(JSON.stringify({ status: { ...recorded.status, summary } }));
}

/** Gives a Server that status. */
export function statusPatch(index: number, body: Buffer): Ask {
  const path = `${PATH}/${nameOf(index)}/status?fieldManager=hostler`;
  return { method: 'PATCH', path, contentType: 'application/merge-patch+json', body };
}

export function nameOf(index: number): string {
  return `eu-${index}`;
}
