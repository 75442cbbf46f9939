import { Command, InvalidArgumentError, Option } from 'commander';
import { API_VERSION } from '../../api/meta.ts';
import { objectName } from '../../api/schema.ts';
import type { Server } from '../../api/server.ts';
import { ServerSpec } from '../../api/serverSpec.ts';
import { proxyTypes, type ProxyType } from '../../api/proxySpec.ts';
import { servers } from '../../kube/hostlerResources.ts';
import { ApiError, isAlreadyExists, isNotFound } from '../../kube/apiError.ts';
import { secrets, type Secret } from '../../kube/resource.ts';
import { messageOf } from '../../lib/errors.ts';
import { parseVersionRange } from '../../lib/versionRange.ts';
import { openCluster, withCluster, type Cluster, type ClusterOptions } from '../cluster.ts';
import { CliError, exitCode } from '../exitCodes.ts';
import { parseHost, type HostArgument } from '../hostArgument.ts';
import { print, remark } from '../output.ts';
import { persist, poll } from '../poll.ts';
import { readPrivateKeyFile } from '../privateKeyFile.ts';
import { ensureSecret } from './secretToAdd.ts';
import { readStdinSecret } from '../stdinSecret.ts';
import { patienceOption, waitForReady, waitOptions, type WaitOptions } from '../wait.ts';

/** What an object's name may have, less `-ssh`. */
const MAX_NAME = 249;
/** How long an API that did not say whether the Server was created is asked again. */
const LOST_ANSWER_MS = 30_000;

interface AddOptions extends ClusterOptions, WaitOptions {
  host: string;
  keyFile?: string;
  passphraseStdin?: boolean;
  passwordStdin?: boolean;
  hostKeyPolicy?: 'TrustOnFirstUse' | 'Strict';
  docker?: string;
  dockerSource?: 'Distro' | 'DockerCE';
  proxy?: ProxyType;
}

/** `hostler server add` */
export function addCommand(): Command {
  const command = new Command('add')
    .description('create a Server and the Secret it logs in with')
    .argument('<name>', 'name of the Server; its Secret is called NAME-ssh')
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
    .option('--docker <version>', 'Docker version: exact (28.5.2), prefix (28) or range (">=27 <29")', dockerVersion)
    .addOption(new Option('--docker-source <source>', 'where Docker comes from').choices(['Distro', 'DockerCE']))
    .addOption(new Option('--proxy <type>', 'what answers on ports 80 and 443').choices(proxyTypes));
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
  checkName(name);
  const host = parseHost(options.host);
  const credential = await readCredential(options);
  const server = toServer(name, host, { options, credential });
  const cluster = openCluster(options);
  server.metadata.namespace = cluster.namespace;
  await createBoth(cluster, { server, credential }, patienceOption(options));
  print(`server/${name} created`);
  if (options.wait === true) await waitForReady(cluster, name, options);
  else remark(`Follow it with: hostler server show ${name} -n ${cluster.namespace}`);
}

/** The Secret's name has a suffix, and is no longer than other names. */
function checkName(name: string): void {
  if (name.length <= MAX_NAME && objectName.safeParse(name).success) return;
  throw new CliError(
    exitCode.usage,
    `NAME "${name}": use at most ${MAX_NAME} lower-case letters, digits, "-" and ".", with a letter or digit at both ends, such as eu-1.`,
  );
}

interface CredentialData {
  type: 'kubernetes.io/ssh-auth' | 'kubernetes.io/basic-auth';
  data: Record<string, string>;
}

async function readCredential(options: AddOptions): Promise<CredentialData> {
  if ((options.keyFile === undefined) === (options.passwordStdin !== true))
    throw new CliError(exitCode.usage, 'name exactly one of --key-file and --password-stdin.');
  if (options.keyFile === undefined) return readPassword(options);
  const passphrase = options.passphraseStdin === true ? await readStdinSecret('passphrase') : undefined;
  const privateKey = await readPrivateKeyFile(options.keyFile, passphrase);
  return {
    type: 'kubernetes.io/ssh-auth',
    data: { 'ssh-privatekey': encode(privateKey), ...(passphrase !== undefined && { passphrase: encode(passphrase) }) },
  };
}

async function readPassword(options: AddOptions): Promise<CredentialData> {
  if (options.passphraseStdin === true)
    throw new CliError(exitCode.usage, '--passphrase-stdin: a passphrase belongs to --key-file.');
  if (options.hostKeyPolicy === undefined) {
    throw new CliError(
      exitCode.usage,
      'with a password, say how the host key comes to be trusted: --host-key-policy TrustOnFirstUse (first contact) or Strict (a KnownHost exists).',
    );
  }
  return { type: 'kubernetes.io/basic-auth', data: { password: encode(await readStdinSecret('password')) } };
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

function toServer(
  name: string,
  { user, address, addressType, port }: HostArgument,
  { options, credential }: { options: AddOptions; credential: CredentialData },
): Server {
  const ref = { name: `${name}-ssh` };
  const spec = ServerSpec.safeParse({
    addresses: [{ type: addressType, address }],
    ssh: {
      ...(port !== 22 && { port }),
      user,
      auth: credential.type === 'kubernetes.io/ssh-auth' ? { privateKeySecretRef: ref } : { passwordSecretRef: ref },
      ...(options.hostKeyPolicy && { hostKeyPolicy: options.hostKeyPolicy }),
    },
    ...dockerOf(options),
    ...(options.proxy && { proxy: { type: options.proxy } }),
  });
  if (!spec.success) {
    const issues = spec.error.issues.map((issue) => `spec.${issue.path.join('.')}: ${issue.message}`);
    throw new CliError(exitCode.usage, issues.join('; '));
  }
  return { apiVersion: API_VERSION, kind: 'Server', metadata: { name }, spec: spec.data };
}

function dockerOf({ docker, dockerSource }: AddOptions): object {
  if (docker === undefined && dockerSource === undefined) return {};
  return { docker: { ...(docker && { version: docker }), ...(dockerSource && { source: { type: dockerSource } }) } };
}

function dockerVersion(text: string): string {
  try {
    parseVersionRange(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

/** The Secret first: a Server whose Secret is missing would only report that. */
async function createBoth(
  cluster: Cluster,
  { server, credential: { type, data } }: { server: Server; credential: CredentialData },
  patienceMs: number,
): Promise<void> {
  const { client, namespace } = cluster;
  const { name } = server.metadata;
  const secret: Secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: `${name}-ssh`, namespace }, type, data };
  const patience = { patienceMs, undone: 'nothing was created' };
  if ((await persist(() => client.find(servers, { namespace, name }), patience)) !== undefined) {
    throw new CliError(
      exitCode.failed,
      `Server ${namespace}/${name} exists already; change it with kubectl edit server ${name}.`,
    );
  }
  // checked by the API before anything is written
  await persist(() => client.create(servers, server, { dryRun: true }), patience);
  const isOurs = await ensureSecret(cluster, secret, patienceMs);
  try {
    await client.create(servers, server);
  } catch (error) {
    if (await wasCreated(cluster, name, error)) return;
    if (isOurs) await removeSecret(cluster, secret.metadata.name);
    else remark(`hostler: Secret ${namespace}/${name}-ssh stays: it was there, or the answer to its creation was lost`);
    throw error;
  }
}

async function removeSecret({ client, namespace }: Cluster, name: string): Promise<void> {
  await client.delete(secrets, { namespace, name }).catch((error: unknown) => {
    if (!isNotFound(error))
      remark(`hostler: Secret ${name} was created and could not be removed again: ${messageOf(error)}`);
  });
}

/**
 * Whether the Server is there although its creation ended with `error`, which may only mean that the answer was lost.
 * @throws CliError failed  when the API does not say: the Secret has to stay.
 */
async function wasCreated({ client, namespace }: Cluster, name: string, error: unknown): Promise<boolean> {
  // an answer below 500 is a refusal; that it exists may be the answer to a second try
  const refused = error instanceof ApiError && error.code < 500 && !isAlreadyExists(error);
  if (refused) return false;
  const look = async () => ({ server: await client.find(servers, { namespace, name }) });
  const seen = await poll(look, { everyMs: 1000, timeoutMs: LOST_ANSWER_MS });
  if (seen === undefined)
    throw new CliError(
      exitCode.failed,
      `${messageOf(error)}. Server ${namespace}/${name} may have been created; its Secret ${name}-ssh was. Look with: hostler server show ${name} -n ${namespace}`,
    );
  return secretNames(seen.server).includes(`${name}-ssh`);
}

function secretNames(server: Server | undefined): (string | undefined)[] {
  const { privateKeySecretRef, passwordSecretRef } = server?.spec.ssh.auth ?? {};
  return [privateKeySecretRef?.name, passwordSecretRef?.name];
}
