import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../../src/kube/client.ts';
import {
  connectionFromFound,
  connectionFromKubeconfig,
  connectionInCluster,
  defaultConnection,
} from '../../../src/kube/kubeconfig.ts';
import { namespaces } from '../../../src/kube/resource.ts';

const directory = mkdtempSync(join(tmpdir(), 'hostler-kubeconfig-'));
const file = (name: string) => join(directory, name);
let server: https.Server;
let url: string;
/** Subject of the client certificate and Authorization header of the last request. */
let caller: { user: string | undefined; authorization: string | undefined } = {
  user: undefined,
  authorization: undefined,
};

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
}

beforeAll(async () => {
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-subj',
    '/CN=test-ca',
    '-days',
    '2',
  );
  for (const [name, extension] of [
    ['server', 'subjectAltName=IP:127.0.0.1'],
    ['client', 'extendedKeyUsage=clientAuth'],
  ] as const) {
    writeFileSync(file(`${name}.ext`), extension);
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/O=ops/CN=${name}-name`,
    );
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      `${name}.crt`,
      '-days',
      '2',
      '-extfile',
      `${name}.ext`,
    );
  }
  const { readFileSync } = await import('node:fs');
  const pem = (name: string) => readFileSync(file(name));
  server = https.createServer(
    {
      key: pem('server.key'),
      cert: pem('server.crt'),
      ca: pem('ca.crt'),
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      const socket = request.socket instanceof TLSSocket ? request.socket : undefined;
      const subject = socket?.authorized === true ? socket.getPeerCertificate().subject.CN : undefined;
      caller = { user: String(subject), authorization: request.headers.authorization };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({ apiVersion: 'v1', kind: 'NamespaceList', metadata: { resourceVersion: '1' }, items: [] }),
      );
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true });
});

/** Writes a kubeconfig with one context `dev`. */
function kubeconfig(name: string, user: object, cluster: object = { 'certificate-authority': 'ca.crt' }): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'dev',
    contexts: [{ name: 'dev', context: { cluster: 'c', user: 'u', namespace: 'acme' } }],
    clusters: [{ name: 'c', cluster: { server: url, ...cluster } }],
    users: [{ name: 'u', user }],
  };
  writeFileSync(file(name), JSON.stringify(config));
  return file(name);
}

async function call(path: string) {
  const client = new Client({ connection: connectionFromKubeconfig(path) });
  try {
    await client.list(namespaces);
    return caller;
  } finally {
    client.close();
  }
}

describe('connectionFromKubeconfig', () => {
  it('logs in by a client certificate in files beside the kubeconfig, over verified TLS', async () => {
    const path = kubeconfig('cert', { 'client-certificate': 'client.crt', 'client-key': 'client.key' });
    expect((await call(path)).user).toBe('client-name');
    expect(connectionFromKubeconfig(path).namespace).toBe('acme');
  });

  it('logs in by embedded certificates, as kubectl config --embed-certs writes them', async () => {
    const { readFileSync } = await import('node:fs');
    const data = (name: string) => readFileSync(file(name)).toString('base64');
    const path = kubeconfig(
      'embedded',
      { 'client-certificate-data': data('client.crt'), 'client-key-data': data('client.key') },
      { 'certificate-authority-data': data('ca.crt') },
    );
    expect((await call(path)).user).toBe('client-name');
  });

  it.each([
    { name: 'a token', user: { token: 'abc' }, header: 'Bearer abc' },
    {
      name: 'name and password',
      user: { username: 'u', password: 'p' },
      header: `Basic ${Buffer.from('u:p').toString('base64')}`,
    },
  ])('logs in by $name', async ({ user, header }) => {
    expect((await call(kubeconfig('header', user))).authorization).toBe(header);
  });

  it('logs in by an exec plugin, which is told what kubectl would tell it', async () => {
    writeFileSync(
      file('plugin.sh'),
      '#!/bin/sh\ntest -n "$KUBERNETES_EXEC_INFO" || exit 9\n' +
        'printf \'{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"from-%s"}}\' "$1"\n',
    );
    chmodSync(file('plugin.sh'), 0o755);
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: './plugin.sh',
      args: ['plugin'],
      interactiveMode: 'Never',
    };
    expect((await call(kubeconfig('exec', { exec }))).authorization).toBe('Bearer from-plugin');
  });

  it('says what an exec plugin complained about', async () => {
    writeFileSync(file('broken.sh'), '#!/bin/sh\necho "login expired" >&2\nexit 1\n');
    chmodSync(file('broken.sh'), 0o755);
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: './broken.sh' };
    await expect(call(kubeconfig('exec-broken', { exec }))).rejects.toThrow('gave no credentials: login expired');
  });

  it('reads a token file again when the server refuses the old token', async () => {
    writeFileSync(file('token'), 'one\n');
    const connection = connectionFromKubeconfig(kubeconfig('token-file', { tokenFile: 'token' }));
    expect((await connection.credentials()).headers).toEqual({ authorization: 'Bearer one' });
    writeFileSync(file('token'), 'two\n');
    expect((await connection.credentials()).headers).toEqual({ authorization: 'Bearer one' });
    expect((await connection.credentials(true)).headers).toEqual({ authorization: 'Bearer two' });
  });

  it('refuses a server whose certificate is not signed by the CA, and says so', async () => {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'x.key',
      '-out',
      'other-ca.crt',
      '-subj',
      '/CN=other',
      '-days',
      '2',
    );
    await expect(
      call(kubeconfig('other', { token: 'x' }, { 'certificate-authority': 'other-ca.crt' })),
    ).rejects.toThrow(/certificate/);
    expect((await call(kubeconfig('skip', { token: 'x' }, { 'insecure-skip-tls-verify': true }))).authorization).toBe(
      'Bearer x',
    );
  });

  it('merges several files, the first definition winning', () => {
    const first = kubeconfig('first', { token: 'first' });
    writeFileSync(
      file('second'),
      'current-context: other\ncontexts:\n- {name: other, context: {cluster: c, user: v}}\nusers:\n- {name: u, user: {token: second}}\n- {name: v, user: {token: v}}\n',
    );
    const both = [first, file('second')].join(delimiter);
    expect(connectionFromKubeconfig(both).namespace).toBe('acme');
    expect(connectionFromKubeconfig(both, { context: 'other' }).namespace).toBe('default');
  });

  it.each([
    { name: 'a file that is not there', text: undefined, message: /kubeconfig: cannot read .*bad/ },
    { name: 'no YAML', text: 'a: [', message: /is no YAML/ },
    { name: 'no kubeconfig', text: 'clusters: 7', message: /is no kubeconfig: clusters/ },
    {
      name: 'no current context',
      text: 'clusters: []',
      message: /current-context is not set; name one with --context/,
    },
    {
      name: 'an unknown context',
      text: 'current-context: x',
      message: /context "x" is not defined; defined are: none/,
    },
    {
      name: 'plain HTTP to another machine',
      text: 'current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: "http://192.0.2.1"}}]',
      message: /would send credentials unprotected/,
    },
  ])('names what is wrong: $name', ({ text, message }) => {
    rmSync(file('bad'), { force: true });
    if (text !== undefined) writeFileSync(file('bad'), text);
    expect(() => connectionFromKubeconfig(file('bad'))).toThrow(message);
  });
});

describe('connectionInCluster', () => {
  it('uses the ServiceAccount of the Pod', async () => {
    mkdirSync(file('sa'));
    writeFileSync(join(file('sa'), 'token'), 'sa-token\n');
    writeFileSync(join(file('sa'), 'namespace'), 'hostler-system');
    execFileSync('cp', [file('ca.crt'), join(file('sa'), 'ca.crt')]);
    const port = new URL(url).port;
    const connection = connectionInCluster(
      { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: port },
      file('sa'),
    );
    expect(connection?.namespace).toBe('hostler-system');
    const client = new Client({ connection: connection ?? connectionFromKubeconfig('') });
    await client.list(namespaces);
    expect(caller.authorization).toBe('Bearer sa-token');
    client.close();
  });

  it('is not there outside a cluster', () => {
    expect(connectionInCluster({}, file('sa'))).toBeUndefined();
  });
});

describe('connectionFromFound', () => {
  const found = join('found', '.hostler', 'kubeconfig');
  const data = { 'certificate-authority-data': Buffer.from('ca').toString('base64') };
  const make = (user: object, cluster: object = data): string => {
    mkdirSync(join(directory, 'found', '.hostler'), { recursive: true, mode: 0o700 });
    const path = kubeconfig(found, user, cluster);
    chmodSync(path, 0o600);
    return path;
  };

  it('takes a private file with everything in it, and says where it was', () => {
    const path = make({ 'client-certificate-data': 'YQ==', 'client-key-data': 'YQ==' });
    expect(connectionFromFound(path)).toMatchObject({ namespace: 'acme', foundAt: path });
  });

  it.each([
    ['exec', { exec: { command: 'touch' } }, data],
    ['auth-provider', { 'auth-provider': { name: 'gcp' } }, data],
    ['tokenFile', { tokenFile: '/root/.netrc' }, data],
    ['client-certificate, client-key', { 'client-certificate': 'a', 'client-key': 'b' }, data],
    ['proxy-url', {}, { ...data, 'proxy-url': 'http://203.0.113.9' }],
    ['certificate-authority', {}, { 'certificate-authority': 'ca.crt' }],
  ])('refuses one with %s, which may be planted there', (field, user, cluster) => {
    const path = make(user, cluster);
    expect(() => connectionFromFound(path)).toThrow(`it has ${field}, which "hostler serve" never writes`);
    expect(() => connectionFromFound(path)).toThrow(`name it: --kubeconfig ${path}`);
  });

  it('refuses a file that others may read, as after a clone, and a directory that they may write', () => {
    const path = make({});
    chmodSync(path, 0o644);
    expect(() => connectionFromFound(path)).toThrow(
      `${path} has mode 0644, which lets others at it (chmod go= ${path})`,
    );
    chmodSync(path, 0o600);
    chmodSync(dirname(path), 0o777);
    expect(() => connectionFromFound(path)).toThrow(`(chmod go-w ${dirname(path)})`);
    chmodSync(dirname(path), 0o700);
  });

  it.skipIf(process.getuid?.() !== 0)('refuses a file, and a directory, of another user', () => {
    const path = make({});
    for (const place of [path, dirname(path)]) {
      chownSync(place, 4242, 4242);
      expect(() => connectionFromFound(path)).toThrow(`${place} belongs to user 4242, not to you`);
      chownSync(place, 0, 0);
    }
  });
});

describe('defaultConnection', () => {
  it('runs nothing that a file in the working directory names, and asks no other instead', () => {
    const work = join(directory, 'planted');
    mkdirSync(join(work, '.hostler'), { recursive: true, mode: 0o700 });
    const path = kubeconfig(join('planted', '.hostler', 'kubeconfig'), { exec: { command: 'touch' } });
    chmodSync(path, 0o600);
    const script = `
      import { defaultConnection } from ${JSON.stringify(join(import.meta.dirname, '../../../src/kube/kubeconfig.ts'))};
      try { await defaultConnection().credentials(); } catch (error) { console.log(error.name + ': ' + error.message); }`;
    const env = { PATH: process.env['PATH'], HOME: directory };
    const tsx = import.meta.resolve('tsx');
    const output = execFileSync(process.execPath, ['--import', tsx, '--input-type=module', '-e', script], {
      cwd: work,
      env,
    });
    expect(String(output)).toMatch(/^KubeconfigError: \.hostler\/kubeconfig is not taken .*: it has .*exec/);
  });

  it('takes the file that is named', () => {
    expect(defaultConnection({ kubeconfig: kubeconfig('named', { token: 'x' }) }).server.href).toBe(`${url}/`);
  });
});
