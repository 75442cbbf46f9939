import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { API_VERSION } from '../../../src/api/meta.ts';
import { generateKeyPair } from '../../../src/ssh/keys.ts';
import { ApiDouble, type Fault, type SeenRequest } from '../../support/apiDouble.ts';
import { runHostler } from '../../support/hostlerCommand.ts';

const SERVERS = '/apis/hostler.dev/v1alpha1/servers';
const OPERATIONS = '/apis/hostler.dev/v1alpha1/serveroperations';
const SECRETS = '/api/v1/secrets';

let api: ApiDouble;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hostler-away-'));
  api = new ApiDouble();
  Object.assign(api.kinds, { secrets: 'Secret', serveroperations: 'ServerOperation' });
  const kubeconfig = {
    clusters: [{ name: 'c', cluster: { server: await api.start() } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    users: [{ name: 'u', user: {} }],
    'current-context': 'c',
  };
  await writeFile(join(directory, 'config'), JSON.stringify(kubeconfig));
  await writeFile(join(directory, 'key'), generateKeyPair('key').privateKey, { mode: 0o600 });
});
afterEach(async () => {
  await api.stop();
  await rm(directory, { recursive: true });
});

const hostler = (...args: string[]) =>
  runHostler(args, { cwd: directory, env: { HOME: directory, KUBECONFIG: join(directory, 'config') } });

function putServer(): void {
  const metadata = { namespace: 'default', name: 'eu-1', finalizers: ['hostler.dev/server'] };
  const spec = { addresses: [], ssh: { user: 'root', auth: {} } };
  api.put(SERVERS, { apiVersion: API_VERSION, kind: 'Server', metadata, spec });
}

/** Ends the only operation there is. */
function endOperation(message: string): void {
  const [operation] = api.stored(OPERATIONS).values();
  const status = { phase: 'Succeeded', message, completionTime: '2026-01-01T00:00:00Z' };
  api.put(OPERATIONS, { ...operation!, status });
}

function putSecret(data: Record<string, string>): void {
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'default', name: 'eu-1-ssh' }, data };
  api.put(SECRETS, secret);
}

/** The API is away for so many looks, each in another way; then `back` happens. */
function awayFor(looks: number, isLook: (request: SeenRequest) => boolean, back: () => void): void {
  let seen = 0;
  api.fault = (request) => {
    if (!isLook(request)) return undefined;
    seen += 1;
    if (seen === looks) back();
    if (seen >= looks) return undefined;
    return seen % 3 === 0 ? { status: 500, reason: 'InternalError' } : { drop: true };
  };
}

const isOperationLook = ({ method, path }: Pick<SeenRequest, 'method' | 'path'>) =>
  method === 'GET' && path.includes('/serveroperations/');

describe('while the API is away', () => {
  it('an operation is waited for all the same, and made once', async () => {
    putServer();
    awayFor(8, isOperationLook, () => endOperation('rebooted'));
    const { code, stdout, stderr } = await hostler('server', 'reboot', 'eu-1');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^serveroperation\/eu-1-reboot-\w+ rebooted\n$/)]);
    expect(stderr.match(/still waiting/g)).toHaveLength(1);
    expect(api.stored(OPERATIONS).size).toBe(1);
  });

  it('an operation is created once it is back, and once', async () => {
    putServer();
    const faults: Fault[] = [{ drop: true }, { status: 503 }, { dropAfter: true }];
    api.fault = ({ method, path }) => {
      const isStep = method === 'POST' || (path.endsWith('/servers/eu-1') && faults.length === 3);
      if (isStep) return faults.shift();
      if (isOperationLook({ method, path })) endOperation('tried again');
      return undefined;
    };
    const { code, stdout } = await hostler('server', 'retry', 'eu-1');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^serveroperation\/eu-1-retry-\w+ tried again\n$/)]);
    expect([faults, api.stored(OPERATIONS).size]).toEqual([[], 1]);
  });

  it.each<Fault>([{ drop: true }, { status: 503 }])(
    'an operation that met %j to the end may be there',
    async (fault) => {
      putServer();
      api.fault = ({ method }) => (method === 'POST' ? fault : undefined);
      const hash = `sha256:${'0'.repeat(64)}`;
      const { code, stderr } = await hostler('server', 'approve', 'eu-1', '--plan', hash, '--timeout', '1s');
      const says = /ServerOperation eu-1-approve-\w+ may have been created/;
      expect([code, stderr]).toEqual([1, expect.stringMatching(says)]);
    },
  );

  it('an operation of a Server that could not be looked at is known not to be created', async () => {
    api.fault = () => ({ drop: true });
    const { code, stderr } = await hostler('server', 'reboot', 'eu-1', '--timeout', '1s');
    expect([code, stderr]).toEqual([1, expect.stringContaining('no ServerOperation was created')]);
  });

  it('an operation that does not end in time ends the wait with 4', async () => {
    putServer();
    awayFor(Infinity, isOperationLook, () => undefined);
    const { code, stderr } = await hostler('server', 'reboot', 'eu-1', '--timeout', '2s');
    expect([code, stderr]).toEqual([4, expect.stringContaining('has not ended yet')]);
  });

  it('--wait goes on', async () => {
    putServer();
    let isDeleted = false;
    const isLook = ({ method, path }: SeenRequest) => {
      isDeleted ||= method === 'DELETE';
      return isDeleted && method === 'GET' && path.endsWith('/servers/eu-1');
    };
    awayFor(5, isLook, () => api.remove(SERVERS, 'default/eu-1'));
    expect(await hostler('server', 'delete', 'eu-1', '--wait')).toMatchObject({
      code: 0,
      stdout: 'server/eu-1 deleted\n',
    });
  });
});

describe('hostler server add', () => {
  const add = (...more: string[]) =>
    hostler('server', 'add', 'eu-1', '--host', 'root@203.0.113.10', '--key-file', 'key', ...more);
  const isCreate = ({ method, path }: SeenRequest) => method === 'POST' && path.endsWith('/servers');
  const isDryRun = (request: SeenRequest) => isCreate(request) && request.query.has('dryRun');
  const isSecret = ({ method, path }: SeenRequest) => method === 'POST' && path.endsWith('/secrets');

  it('goes on with its Secret when only the answer was lost', async () => {
    let creations = 0;
    api.fault = (request) => {
      if (isDryRun(request)) return { status: 200 };
      return isSecret(request) && ++creations === 1 ? { dropAfter: true } : undefined;
    };
    expect(await add()).toMatchObject({ code: 0, stdout: 'server/eu-1 created\n' });
    expect([...api.stored(SERVERS).keys(), ...api.stored(SECRETS).keys()]).toHaveLength(2);
  });

  it('says what may be there when the API stays away, and goes on from that when it is run again', async () => {
    api.fault = (request) => {
      if (isDryRun(request)) return { status: 200 };
      return api.stored(SECRETS).size > 0 ? { drop: true } : isSecret(request) ? { dropAfter: true } : undefined;
    };
    const { code, stderr } = await add('--timeout', '1s');
    expect([code, stderr]).toEqual([1, expect.stringContaining('Secret default/eu-1-ssh may have been created')]);
    api.fault = (request) => (isDryRun(request) ? { status: 200 } : undefined);
    expect(await add()).toMatchObject({ code: 0, stdout: 'server/eu-1 created\n' });
  });

  it('takes no Secret with another credential', async () => {
    api.fault = (request) => (isDryRun(request) ? { status: 200 } : undefined);
    putSecret({ password: 'eA==' });
    const { code, stderr } = await add();
    expect([code, stderr]).toEqual([1, expect.stringContaining('with another credential')]);
    expect(api.stored(SERVERS).size).toBe(0);
  });

  it('leaves a Secret that may not be its own where the Server is refused', async () => {
    api.fault = (request) => {
      if (isDryRun(request)) return { status: 200 };
      if (isCreate(request)) return { status: 403 };
      return isSecret(request) && api.stored(SECRETS).size === 0 ? { dropAfter: true } : undefined;
    };
    const { code, stderr } = await add();
    expect([code, stderr]).toEqual([1, expect.stringContaining('Secret default/eu-1-ssh stays')]);
    expect(api.stored(SECRETS).size).toBe(1);
  });

  it('keeps the Secret of a Server that was created although no answer came', async () => {
    api.fault = (request) => {
      if (!isCreate(request)) return undefined;
      return request.query.has('dryRun') ? { status: 200 } : { dropAfter: true };
    };
    expect(await add()).toMatchObject({ code: 0, stdout: 'server/eu-1 created\n' });
    expect([...api.stored(SERVERS).keys(), ...api.stored(SECRETS).keys()]).toEqual([
      'default/eu-1',
      'default/eu-1-ssh',
    ]);
  });

  it('leaves nothing behind of a Server that was not created', async () => {
    api.fault = (request) => {
      if (!isCreate(request)) return undefined;
      return request.query.has('dryRun') ? { status: 200 } : { status: 500 };
    };
    expect(await add()).toMatchObject({ code: 1 });
    expect([...api.stored(SERVERS).keys(), ...api.stored(SECRETS).keys()]).toEqual([]);
  });
});
