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

/**
 * Applies the example manifest with the machine's address, and the Secret it refers to. Safe to run twice.
 * @returns whether the Server was there already.
 */
export async function applyServer(client: Client, machine: Machine): Promise<boolean> {
  const server = await manifest(machine);
  const secret = secretOf(machine);
  await createOrPatch(client, secrets, secret, { data: secret.data });
  const existed = await createOrPatch(client, servers, server, { spec: server.spec });
  say(`secret/${secret.metadata.name} and server/${machine.serverName} applied`);
  return existed;
}

function secretOf({ serverName, privateKey, passphrase }: Machine): Secret {
  const data = {
    'ssh-privatekey': Buffer.from(privateKey).toString('base64'),
    ...(passphrase !== undefined && { passphrase: Buffer.from(passphrase).toString('base64') }),
  };
  const metadata = { name: `${serverName}-ssh`, namespace: NAMESPACE };
  return { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/ssh-auth', data };
}

type Kind<T extends Server | Secret> = Parameters<typeof Client.prototype.create<T>>[0];

async function createOrPatch<T extends Server | Secret>(
  client: Client,
  kind: Kind<T>,
  object: T,
  patch: object,
): Promise<boolean> {
  try {
    await client.create(kind, object);
    return false;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    await client.patch(kind, object.metadata, patch);
    return true;
  }
}

async function manifest(machine: Machine): Promise<Server> {
  const server = parse(await readFile('examples/quickstart/server.yaml', 'utf8')) as Server;
  server.metadata = { ...server.metadata, name: machine.serverName, namespace: NAMESPACE };
  server.spec.addresses = [{ type: machine.addressType, address: machine.address }];
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
