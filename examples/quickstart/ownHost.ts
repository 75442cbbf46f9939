import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CliError } from '../../src/cli/exitCodes.ts';
import { parseHost, type HostArgument } from '../../src/cli/hostArgument.ts';
import { readPrivateKeyFile } from '../../src/cli/privateKeyFile.ts';
import { readStdinSecret } from '../../src/cli/stdinSecret.ts';
import type { Machine } from './machine.ts';
import { remember } from './state.ts';
import { say } from './support.ts';

const DEFAULT_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

/** What `--host` is told. */
export interface OwnHostOptions {
  host: string;
  keyFile: string | undefined;
  passphraseStdin: boolean;
}

/** A server of the person's own. */
export async function ownHost({ host, keyFile, passphraseStdin }: OwnHostOptions): Promise<Machine> {
  const where = parseHost(host);
  const passphrase = passphraseStdin ? await readStdinSecret('passphrase') : undefined;
  const key = keyFile === undefined ? await defaultKey(passphrase) : await readKey(keyFile, passphrase);
  const serverName = nameOf(where);
  await remember({ kind: 'host', serverName, where: host });
  say(`Using ${where.user}@${where.address} port ${where.port} with the key ${key.path}`);
  return {
    ...where,
    kind: 'host',
    serverName,
    privateKey: key.text,
    ...(passphrase !== undefined && { passphrase }),
    remark: '\nDocker is managed in whatever version the server has; see examples/quickstart/server.yaml for more.',
  };
}

interface Key {
  path: string;
  text: string;
}

async function readKey(path: string, passphrase: string | undefined): Promise<Key> {
  return { path, text: await readPrivateKeyFile(path, passphrase) };
}

/** The first of ssh's own default keys that can be used; where none can, the first one's error. */
async function defaultKey(passphrase: string | undefined): Promise<Key> {
  const paths = DEFAULT_KEYS.map((name) => join(homedir(), '.ssh', name)).filter((path) => existsSync(path));
  const errors: CliError[] = [];
  for (const path of paths) {
    try {
      return await readKey(path, passphrase);
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      errors.push(error);
    }
  }
  if (errors[0] !== undefined) throw errors[0];
  const looked = DEFAULT_KEYS.map((name) => `~/.ssh/${name}`).join(', ');
  throw new Error(
    `no private key found (${looked}); name one with --key-file. A key that only an agent holds does not do.`,
  );
}

/** A Server's name, so that two hosts are two Servers: `server-203-0-113-10`, `server-example-org-2222`. */
function nameOf({ address, port }: HostArgument): string {
  const safe = address
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return `server-${safe}${port === 22 ? '' : `-${port}`}`;
}
