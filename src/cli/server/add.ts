import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Command, Option } from 'commander';
import { API_VERSION } from '../../api/meta.ts';
import type { Server } from '../../api/server.ts';
import { ServerSpec } from '../../api/serverSpec.ts';
import { servers } from '../../kube/hostlerResources.ts';
import { isAlreadyExists, isNotFound } from '../../kube/apiError.ts';
import { secrets, type Secret } from '../../kube/resource.ts';
import { messageOf } from '../../lib/errors.ts';
import { openCluster, withCluster, type Cluster, type ClusterOptions } from '../cluster.ts';
import { CliError, exitCode } from '../exitCodes.ts';
import { print, remark } from '../output.ts';
import { waitForReady, waitOptions, type WaitOptions } from '../wait.ts';

interface AddOptions extends ClusterOptions, WaitOptions {
  host: string;
  keyFile?: string;
  passphraseStdin?: boolean;
  passwordStdin?: boolean;
  hostKeyPolicy?: 'TrustOnFirstUse' | 'Strict';
  docker?: string;
  dockerSource?: 'Distro' | 'DockerCE';
}

/** `hostler server add` */
export function addCommand(): Command {
  const command = new Command('add')
    .description('create a Server and the Secret it logs in with')
    .argument('<name>', 'name of the Server')
    .requiredOption('--host <[user@]address[:port]>', 'where it is; default user root, default port 22')
    .option('--key-file <file>', 'private key to log in with')
    .option('--passphrase-stdin', "read the key's passphrase from standard input")
    .option('--password-stdin', 'log in with a password, read from standard input')
    .addOption(
      new Option('--host-key-policy <policy>', 'how the host key comes to be trusted; needed with a password').choices([
        'TrustOnFirstUse',
        'Strict',
      ]),
    )
    .option('--docker <version>', 'Docker version: exact (28.5.2), prefix (28) or range (">=27 <29")')
    .addOption(new Option('--docker-source <source>', 'where Docker comes from').choices(['Distro', 'DockerCE']));
  return waitOptions(withCluster(command))
    .addHelpText(
      'after',
      `
Examples:
  hostler server add eu-1 --host root@203.0.113.10 --key-file ~/.ssh/id_ed25519 --docker 28 --wait
  hostler server add old-1 --host admin@old.example.org:2222 --password-stdin --host-key-policy TrustOnFirstUse < password`,
    )
    .action(add);
}

async function add(name: string, options: AddOptions): Promise<void> {
  const credential = readCredential(options);
  const server = toServer(name, options, credential.type);
  const cluster = openCluster(options);
  server.metadata.namespace = cluster.namespace;
  await createBoth(cluster, server, credential);
  print(`server/${name} created`);
  if (options.wait === true) await waitForReady(cluster, name, options);
}

interface CredentialData {
  type: 'kubernetes.io/ssh-auth' | 'kubernetes.io/basic-auth';
  data: Record<string, string>;
}

function readCredential(options: AddOptions): CredentialData {
  if ((options.keyFile === undefined) === (options.passwordStdin !== true)) {
    throw new CliError(exitCode.usage, 'name exactly one of --key-file and --password-stdin.');
  }
  if (options.keyFile === undefined)
    return { type: 'kubernetes.io/basic-auth', data: { password: encode(readStdin('password')) } };
  const passphrase = options.passphraseStdin === true ? { passphrase: encode(readStdin('passphrase')) } : {};
  return {
    type: 'kubernetes.io/ssh-auth',
    data: { 'ssh-privatekey': encode(readKey(options.keyFile)), ...passphrase },
  };
}

function readKey(path: string): string {
  const text = readFile(path);
  if (text.startsWith('-----BEGIN ') && text.includes('PRIVATE KEY-----')) return text;
  throw new CliError(
    exitCode.usage,
    `--key-file: ${path} is no private key in PEM or OpenSSH format (the .pub file is the other half).`,
  );
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliError(exitCode.usage, `--key-file: ${messageOf(error)}`);
  }
}

function readStdin(what: string): string {
  const text = readFileSync(0, 'utf8').replace(/\r?\n$/, '');
  if (text === '') throw new CliError(exitCode.usage, `the ${what} on standard input is empty.`);
  return text;
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

function toServer(name: string, options: AddOptions, type: CredentialData['type']): Server {
  const { user, address, port } = parseHost(options.host);
  const ref = { name: `${name}-ssh` };
  const spec = ServerSpec.safeParse({
    addresses: [{ type: addressType(address), address }],
    ssh: {
      ...(port !== undefined && { port }),
      user,
      auth: type === 'kubernetes.io/ssh-auth' ? { privateKeySecretRef: ref } : { passwordSecretRef: ref },
      ...(options.hostKeyPolicy && { hostKeyPolicy: options.hostKeyPolicy }),
    },
    ...dockerOf(options),
  });
  if (!spec.success) {
    const issues = spec.error.issues.map((issue) => `spec.${issue.path.join('.')}: ${issue.message}`);
    throw new CliError(exitCode.usage, issues.join('; '));
  }
  if (type === 'kubernetes.io/basic-auth' && options.hostKeyPolicy === undefined) {
    throw new CliError(
      exitCode.usage,
      'with a password, say how the host key comes to be trusted: --host-key-policy TrustOnFirstUse (first contact) or Strict (a KnownHost exists).',
    );
  }
  return { apiVersion: API_VERSION, kind: 'Server', metadata: { name }, spec: spec.data };
}

function dockerOf({ docker, dockerSource }: AddOptions): object {
  if (docker === undefined && dockerSource === undefined) return {};
  return { docker: { ...(docker && { version: docker }), ...(dockerSource && { source: { type: dockerSource } }) } };
}

/** `[user@]address[:port]`; IPv6 with a port in brackets. */
function parseHost(host: string): { user: string; address: string; port: number | undefined } {
  const at = host.lastIndexOf('@');
  const user = at < 0 ? 'root' : host.slice(0, at);
  const rest = host.slice(at + 1);
  if (isIP(rest) === 6) return { user, address: rest, port: undefined };
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(rest);
  const address = match?.[1] ?? match?.[2];
  if (address === undefined) {
    throw new CliError(
      exitCode.usage,
      `--host: "${host}" is not [user@]address[:port]; an IPv6 address with a port needs brackets.`,
    );
  }
  return { user, address, port: match?.[3] === undefined ? undefined : Number(match[3]) };
}

function addressType(address: string): 'IPv4' | 'IPv6' | 'FQDN' | 'Hostname' {
  const ip = isIP(address);
  if (ip !== 0) return ip === 4 ? 'IPv4' : 'IPv6';
  return address.includes('.') ? 'FQDN' : 'Hostname';
}

/** The Secret first: a Server whose Secret is missing would only report that. */
async function createBoth(
  { client, namespace }: Cluster,
  server: Server,
  { type, data }: CredentialData,
): Promise<void> {
  const { name } = server.metadata;
  const secret: Secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: `${name}-ssh`, namespace }, type, data };
  if ((await client.find(servers, { namespace, name })) !== undefined) {
    throw new CliError(
      exitCode.failed,
      `Server ${namespace}/${name} exists already; change it with kubectl edit server ${name}.`,
    );
  }
  // checked by the API before anything is written
  await client.create(servers, server, { dryRun: true });
  await client.create(secrets, secret).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
    throw new CliError(
      exitCode.failed,
      `Secret ${namespace}/${name}-ssh exists already; delete it, or create the Server with kubectl and refer to it.`,
    );
  });
  try {
    await client.create(servers, server);
  } catch (error) {
    await client.delete(secrets, { namespace, name: `${name}-ssh` }).catch((cleanup: unknown) => {
      if (!isNotFound(cleanup))
        remark(`hostler: Secret ${name}-ssh was created and could not be removed again: ${messageOf(cleanup)}`);
    });
    throw error;
  }
}
