import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import type { Server } from '../../src/api/server.ts';
import { isAlreadyExists } from '../../src/kube/apiError.ts';
import type { Client } from '../../src/kube/client.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import { secrets, type Secret } from '../../src/kube/resource.ts';
import type { Machine } from './machine.ts';
import { say } from './support.ts';

const NAMESPACE = 'default';

/** Applies the example manifest with the machine's address, and the Secret it refers to. Safe to run twice. */
export async function applyServer(client: Client, machine: Machine): Promise<void> {
  const server = await manifest(machine);
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `${machine.serverName}-ssh`, namespace: NAMESPACE },
    type: 'kubernetes.io/ssh-auth',
    data: { 'ssh-privatekey': Buffer.from(machine.privateKey).toString('base64') },
  };
  await createOrPatch(client, secrets, secret, { data: secret.data });
  await createOrPatch(client, servers, server, { spec: server.spec });
  say(`secret/${secret.metadata.name} and server/${machine.serverName} applied`);
}

type Kind<T extends Server | Secret> = Parameters<typeof Client.prototype.create<T>>[0];

async function createOrPatch<T extends Server | Secret>(
  client: Client,
  kind: Kind<T>,
  object: T,
  patch: object,
): Promise<void> {
  try {
    await client.create(kind, object);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    await client.patch(kind, object.metadata, patch);
  }
}

async function manifest(machine: Machine): Promise<Server> {
  const server = parse(await readFile('examples/quickstart/server.yaml', 'utf8')) as Server;
  server.metadata = { ...server.metadata, name: machine.serverName, namespace: NAMESPACE };
  const type = /^[\d.]+$/.test(machine.address) ? 'IPv4' : machine.address.includes(':') ? 'IPv6' : 'FQDN';
  server.spec.addresses = [{ type, address: machine.address }];
  server.spec.ssh = {
    ...server.spec.ssh,
    user: machine.user,
    port: machine.port,
    auth: { privateKeySecretRef: { name: `${machine.serverName}-ssh` } },
  };
  if (machine.kind === 'sandbox') return server;
  delete server.metadata.labels;
  server.spec.displayName = machine.serverName;
  delete server.spec.requirements;
  if (machine.kind === 'host') server.spec.docker = {};
  if (machine.kind === 'local') {
    delete server.spec.docker;
    server.spec.management = { default: 'Observe' };
  }
  return server;
}
