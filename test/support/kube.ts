import { Client } from '../../src/kube/client.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { fixedConnection } from '../../src/kube/connection.ts';
import type { Resource } from '../../src/kube/resource.ts';
import type { ClientOptions } from '../../src/kube/restClient.ts';
import { ApiDouble } from './apiDouble.ts';
import type { FakeClock } from './fakeClock.ts';

/** A small stand-in for Server, for tests of the client layer. */
export interface Thing extends KubeObject {
  spec?: { size?: number; filler?: string };
  status?: { phase?: string; count?: number; list?: string[]; nested?: { a?: number; b?: number } };
}
export const things: Resource<Thing> = {
  group: 'hostler.dev',
  version: 'v1alpha1',
  plural: 'servers',
  kind: 'Server',
  namespaced: true,
};
export const THINGS = '/apis/hostler.dev/v1alpha1/servers';

export function thing(name: string, spec: Thing['spec'] = {}, metadata: Partial<KubeObject['metadata']> = {}): Thing {
  return {
    apiVersion: 'hostler.dev/v1alpha1',
    kind: 'Server',
    metadata: { namespace: 'acme', ...metadata, name },
    spec,
  };
}

/** A double and a client on it; call `stop` at the end. */
export async function startDouble(options: Omit<ClientOptions, 'connection'> = {}) {
  const api = new ApiDouble();
  const server = await api.start();
  const newClient = (): Client => new Client({ ...options, connection: fixedConnection({ server }) });
  const client = newClient();
  const clients = [client];
  return {
    api,
    client,
    server,
    /** Another process's client. */
    newClient: () => {
      const other = newClient();
      clients.push(other);
      return other;
    },
    stop: async () => {
      for (const one of clients) one.close();
      await api.stop();
    },
  };
}

/** Waits until `check` is true, by real time; fails after `ms`. */
export async function until(check: () => boolean, ms = 5000): Promise<void> {
  const end = Date.now() + ms;
  while (!check()) {
    if (Date.now() > end) throw new Error('still not so in time');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Lets `ms` of the fake clock pass in steps, with real time in between for requests and answers to travel. */
export async function pass(clock: FakeClock, ms: number, stepMs = 100): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    await clock.advance(Math.min(stepMs, left));
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
