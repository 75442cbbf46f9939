import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import { redactor } from '../lib/redaction.ts';
import { readCertificate, readFlagFile, usage } from './flagFiles.ts';

/** The flags that say where etcd is; all of them absent = the embedded store. */
export interface EtcdFlags {
  etcdEndpoints?: string[];
  etcdCafile?: string;
  etcdCertfile?: string;
  etcdKeyfile?: string;
  etcdPrefix?: string;
  etcdCredentialsFile?: string;
}

/** {@link EtcdFlags}, read and checked. */
export interface EtcdTarget {
  endpoints: string[];
  tls: { ca?: Buffer; cert?: Buffer; key?: Buffer };
  auth?: { username: string; password: string };
  /** '' or `/path`. */
  prefix: string;
}

/** Overrides the file of --etcd-credentials-file; a password on the command line could be read by everybody. */
const VARIABLE = 'HOSTLER_ETCD_CREDENTIALS';

/** Adds the `--etcd-…` flags. */
export function withEtcdOptions(command: Command): Command {
  return command
    .option(
      '--etcd-endpoints <urls>',
      'keep everything in this etcd: https://host:2379,… (default: embedded)',
      endpoints,
    )
    .option('--etcd-cafile <file>', 'PEM certificate of the authority that etcd’s certificates must be from')
    .option('--etcd-certfile <file>', 'PEM client certificate for etcd')
    .option('--etcd-keyfile <file>', 'PEM private key of the client certificate')
    .option('--etcd-prefix <path>', 'before every key, such as /acme: several installations in one etcd', prefix)
    .option('--etcd-credentials-file <file>', `file with user:password for etcd; or set ${VARIABLE}`);
}

/**
 * The etcd that `flags` name; undefined when they name none.
 * @throws CliError usage  that names the flag, what is wrong and what to do.
 */
export function etcdTarget(flags: EtcdFlags, env: NodeJS.ProcessEnv = process.env): EtcdTarget | undefined {
  if (flags.etcdEndpoints === undefined) {
    refuseLonely(flags);
    return undefined;
  }
  const auth = credentials(flags, env);
  return {
    endpoints: flags.etcdEndpoints,
    tls: certificates(flags, flags.etcdEndpoints),
    ...(auth === undefined ? {} : { auth }),
    prefix: flags.etcdPrefix ?? '',
  };
}

/** Somebody who gives a certificate means etcd, and would not like to find everything in a directory. */
function refuseLonely(flags: EtcdFlags): void {
  const names = {
    '--etcd-cafile': flags.etcdCafile,
    '--etcd-certfile': flags.etcdCertfile,
    '--etcd-keyfile': flags.etcdKeyfile,
    '--etcd-prefix': flags.etcdPrefix,
    '--etcd-credentials-file': flags.etcdCredentialsFile,
  };
  const given = Object.entries(names).find(([, value]) => value !== undefined)?.[0];
  if (given !== undefined) throw usage(`${given} has no effect without --etcd-endpoints: name the endpoints, too.`);
}

function endpoints(text: string): string[] {
  const list = text.split(',').map((one) => endpoint(one.trim()));
  if (new Set(list.map((one) => new URL(one).protocol)).size > 1)
    throw new InvalidArgumentError('Either all endpoints are https:// or all are http://.');
  return list;
}

function endpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new InvalidArgumentError(`"${text}" is not a URL such as https://etcd-1.example.com:2379.`);
  if (url.username + url.password !== '')
    throw new InvalidArgumentError(`Give user and password with --etcd-credentials-file or ${VARIABLE}.`);
  if (url.pathname + url.search + url.hash !== '/')
    throw new InvalidArgumentError(`"${text}" has a path: end it with the port; --etcd-prefix is for the keys.`);
  // URL leaves out the scheme's own port, which is not etcd's
  const port = /:(\d+)\/?$/.exec(text)?.[1] ?? '2379';
  return `${url.protocol}//${url.hostname}:${port}`;
}

function prefix(text: string): string {
  const trimmed = text.replace(/\/+$/, '');
  if (trimmed === '' && text !== '') return '';
  if (!/^(\/[A-Za-z0-9._-]+)+$/.test(trimmed))
    throw new InvalidArgumentError(`"${text}" is not a path such as /acme (letters, digits, ., _ and -).`);
  return trimmed;
}

function certificates(flags: EtcdFlags, urls: readonly string[]): EtcdTarget['tls'] {
  const { etcdCafile, etcdCertfile, etcdKeyfile } = flags;
  const isPlain = urls.some((url) => url.startsWith('http:'));
  if (isPlain && (etcdCafile ?? etcdCertfile ?? etcdKeyfile) !== undefined)
    throw usage('Certificates for etcd have no effect on http:// endpoints: use https:// in --etcd-endpoints.');
  if ((etcdCertfile === undefined) !== (etcdKeyfile === undefined))
    throw usage('--etcd-certfile and --etcd-keyfile belong together: give both or none.');
  const ca = etcdCafile === undefined ? {} : { ca: readCertificate('--etcd-cafile', etcdCafile).pem };
  if (etcdCertfile === undefined || etcdKeyfile === undefined) return ca;
  const { pem: cert, parsed } = readCertificate('--etcd-certfile', etcdCertfile);
  return { ...ca, cert, key: readKey(etcdKeyfile, parsed, etcdCertfile) };
}

function readKey(path: string, certificate: X509Certificate, certificatePath: string): Buffer {
  const pem = readFlagFile('--etcd-keyfile', path);
  const key = parseKey(pem);
  if (key === undefined)
    throw usage(`--etcd-keyfile ${path}: not an unencrypted PEM private key (openssl pkey -in … -out …).`);
  if (!certificate.checkPrivateKey(key))
    throw usage(`--etcd-keyfile ${path}: not the key of the certificate in ${certificatePath}.`);
  return pem;
}

function parseKey(pem: Buffer): ReturnType<typeof createPrivateKey> | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined; // whatever OpenSSL says: the caller names the file and the remedy
  }
}

function credentials(flags: EtcdFlags, env: NodeJS.ProcessEnv): EtcdTarget['auth'] {
  const fromEnvironment = env[VARIABLE]?.trim() ?? '';
  if (fromEnvironment !== '') return parseCredentials(fromEnvironment, VARIABLE);
  const path = flags.etcdCredentialsFile;
  if (path === undefined) return undefined;
  const flag = '--etcd-credentials-file';
  return parseCredentials(readFlagFile(flag, path).toString().trim(), `${flag} ${path}`);
}

function parseCredentials(text: string, source: string): EtcdTarget['auth'] {
  const parts = /^([^:\n]+):([^\n]+)$/.exec(text);
  const [, username, password] = parts ?? [];
  if (username === undefined || password === undefined) throw usage(`${source}: expected one line user:password.`);
  redactor.register(password);
  return { username, password };
}
