import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN, ensurePki } from '../../../src/apiserver/pki/pki.ts';
import type { Said } from '../../support/apiServer.ts';
import { EtcdCluster } from '../../support/etcd.ts';

const PROGRAM = fileURLToPath(new URL('../../support/apiServerProcess.ts', import.meta.url));
const MAPS = '/api/v1/namespaces/default/configmaps';
const ROUNDS = 5;
const WRITERS = 8;
const STORES = ['embedded', 'etcd'] as const;
type Store = (typeof STORES)[number];

let directory: string;
let etcd: EtcdCluster;
let child: ChildProcess;
let url = '';
let agent: Agent;

beforeAll(async () => {
  etcd = await EtcdCluster.start();
  directory = await mkdtemp(join(tmpdir(), 'hostler-crash-'));
  const pki = await ensurePki(join(directory, 'pki'), { hosts: ['127.0.0.1'] });
  const credentials = await pki.client(ADMIN);
  agent = new Agent({ ca: pki.ca, cert: credentials.cert, key: credentials.key, keepAlive: true });
});
afterAll(async () => {
  agent.destroy();
  child.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
  await etcd.remove();
});

async function start(store: Store): Promise<void> {
  const flags = store === 'etcd' ? etcd.endpoints : [];
  child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, directory, '0', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    child.on('exit', () => reject(new Error('the server ended before it was ready')));
  });
}

async function kill(): Promise<void> {
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  child.kill('SIGKILL');
  await exited;
  agent.destroy();
}

function ask(method: string, path: string, body?: object): Promise<{ code: number; body: Said }> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' };
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, url), { method, agent, headers }, (response) => {
      let received = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (received += chunk));
      response.on('end', () => {
        if (response.complete) resolve({ code: response.statusCode ?? 0, body: JSON.parse(received) as Said });
        else reject(new Error('the answer was cut off'));
      });
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

describe('kill -9 while clients write', () => {
  it.each(STORES)(
    'loses nothing that was acknowledged and never goes back (%s)',
    async (store) => {
      /** What a writer was told is stored: name → counter and resourceVersion. */
      const acknowledged = new Map<string, { count: number; version: number }>();
      const deleted = new Set<string>();
      let highest = 0;
      for (let round = 0; round < ROUNDS; round++) {
        await start(store);
        const { body } = await ask('GET', MAPS);
        const version = Number(body.metadata.resourceVersion);
        expect(version).toBeGreaterThanOrEqual(highest);
        const found = new Map(body.items.map((item) => [item.metadata.name, item]));
        for (const [name, { count, version: written }] of acknowledged) {
          const item = found.get(name);
          expect(item, `${name} was acknowledged in round ${round}`).toBeDefined();
          expect(Number(item?.data['count'])).toBeGreaterThanOrEqual(count);
          expect(Number(item?.metadata.resourceVersion)).toBeGreaterThanOrEqual(written);
        }
        for (const name of deleted) expect(found.has(name), `${name} was deleted`).toBe(false);

        let running = true;
        const note = (said: Said): void => {
          const written = Number(said.metadata.resourceVersion);
          highest = Math.max(highest, written);
          acknowledged.set(said.metadata.name, { count: Number(said.data['count']), version: written });
        };
        const writer = async (id: number): Promise<void> => {
          for (let i = 0; running; i++) {
            const name = `w-${round}-${id}-${i % 5}-${Math.floor(i / 20)}`;
            // from here on it may exist again, whether or not the answer arrives
            deleted.delete(name);
            const created = await ask('POST', MAPS, { metadata: { name }, data: { count: '0' } });
            if (created.code === 201) note(created.body);
            const patched = await ask('PATCH', `${MAPS}/${name}`, { data: { count: String(i + 1) } });
            if (patched.code === 200) note(patched.body);
            if (i % 5 !== 4) continue;
            acknowledged.delete(name);
            const gone = await ask('DELETE', `${MAPS}/${name}`);
            if (gone.code === 200) deleted.add(name);
          }
        };
        // a writer ends when the server dies under it
        const writers = Array.from({ length: WRITERS }, (_, id) => writer(id).catch(() => undefined));
        await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 700));
        await kill();
        running = false;
        await Promise.all(writers);
        expect(highest).toBeGreaterThan(version);
      }
    },
    120_000,
  );
});
