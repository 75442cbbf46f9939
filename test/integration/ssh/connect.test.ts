import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HostKey } from '../../../src/api/knownHost.ts';
import { ReconcileError, TransientError } from '../../../src/lib/errors.ts';
import { defaultDeniedCidrs } from '../../../src/ssh/addresses.ts';
import { connect } from '../../../src/ssh/connect.ts';
import type { ConnectOptions } from '../../../src/ssh/connectOptions.ts';
import { AddressesFailed, AuthenticationRejected, HostKeyRefused } from '../../../src/ssh/connectErrors.ts';
import { generateKeyPair } from '../../../src/ssh/keys.ts';
import { parseHostKey } from '../../../src/ssh/knownHostKey.ts';
import type { Connection } from '../../../src/ssh/session.ts';
import { FaultyPort } from '../../support/faultyPort.ts';
import { freePort } from '../../support/freePort.ts';
import { sshKeygen, startSshd, type Sshd } from '../../support/sshd.ts';
import { SshServer } from '../../support/sshServer.ts';

const loopback = { type: 'IPv4', address: '127.0.0.1' } as const;
const open: Connection[] = [];

let server: SshServer;
/** What happened, in order. */
let events: string[];

beforeEach(async () => {
  server = await SshServer.start();
  events = [];
});
afterEach(async () => {
  for (const connection of open.splice(0)) connection.close();
  await server.stop();
});

function options(changes: Partial<ConnectOptions> = {}): ConnectOptions {
  return {
    addresses: [loopback],
    port: server.port,
    user: 'tester',
    trust: () => ({
      keys: [],
      policy: 'TrustOnFirstUse',
      store: (key) => {
        events.push(`store ${key.type}`);
        return Promise.resolve();
      },
    }),
    credential: () => {
      events.push('credential');
      return Promise.resolve({ kind: 'key', privateKey: server.clientKey });
    },
    privilege: { mode: 'Auto' },
    ...changes,
  };
}

async function logIn(changes: Partial<ConnectOptions> = {}): Promise<Connection> {
  const connection = await connect(options(changes));
  open.push(connection);
  return connection;
}

async function failure(changes: Partial<ConnectOptions> = {}): Promise<ReconcileError> {
  const error: unknown = await logIn(changes).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ReconcileError)) throw new Error('expected a ReconcileError', { cause: error });
  // whatever went wrong: a next step for the operator, and where it went wrong
  expect(error.remedy ?? '').not.toBe('');
  return error;
}

const trusting = (...keys: HostKey[]): Pick<ConnectOptions, 'trust'> => ({
  trust: () => ({ keys, policy: 'TrustOnFirstUse', store: () => Promise.reject(new Error('must not be called')) }),
});
const password = (value: string): Pick<ConnectOptions, 'credential'> => ({
  credential: () => Promise.resolve({ kind: 'password', password: value }),
});

describe('host key', () => {
  it('is stored on first use before the credential is even fetched', async () => {
    const connection = await logIn();
    expect(events).toEqual(['store ssh-ed25519', 'credential']);
    expect(connection.login).toMatchObject({ trust: 'FirstUse', method: 'publickey', hostKey: server.hostKeys[0] });
  });

  it('waits for the store, however long it takes', async () => {
    const store = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      events.push('stored');
    };
    await logIn({ trust: () => ({ keys: [], policy: 'TrustOnFirstUse', store }) });
    expect(events).toEqual(['stored', 'credential']);
  });

  it('that cannot be stored ends the login without a credential', async () => {
    const store = (): Promise<void> => Promise.reject(new Error('API is down'));
    const error = await failure({ trust: () => ({ keys: [], policy: 'TrustOnFirstUse', store }) });
    expect(error).toMatchObject({ reason: 'TrustNotStored' });
    expect(error).toBeInstanceOf(TransientError);
    expect([events, server.attempts]).toEqual([[], []]);
  });

  it('that is known is not stored again', async () => {
    const connection = await logIn(trusting(...server.hostKeys));
    expect(events).toEqual(['credential']);
    expect(connection.login.trust).toBe('Known');
  });

  it('that changed ends the login before any credential, and says what was offered', async () => {
    const known = server.hostKeys;
    await server.changeHostKey();
    const error = await failure(trusting(...known));
    expect(error).toBeInstanceOf(HostKeyRefused);
    expect(error).toMatchObject({ reason: 'HostKeyMismatch', offered: server.hostKeys[0], address: '127.0.0.1' });
    expect(error.message).toMatch(/SHA256:.* but SHA256:/);
    expect([events, server.attempts]).toEqual([[], []]);
  });

  it('that is unknown under Strict ends the login before any credential', async () => {
    const error = await failure({ trust: () => ({ keys: [], policy: 'Strict', store: () => Promise.resolve() }) });
    expect(error).toMatchObject({ reason: 'HostKeyUnknown', offered: server.hostKeys[0] });
    expect([events, server.attempts]).toEqual([[], []]);
  });

  it('of another type than trusted is no mismatch: the trusted type is asked for', async () => {
    const rsa = sshKeygen('rsa', { bits: 3072 });
    const ecdsa = sshKeygen('ecdsa');
    await server.changeHostKey([generateKeyPair('host'), ecdsa, rsa]);
    for (const key of server.hostKeys) {
      const connection = await logIn(trusting(key));
      expect(connection.login.hostKey).toEqual(key);
    }
  });

  it('of a type that the host has no more is told apart from a changed one, with what it has instead', async () => {
    const known = server.hostKeys;
    const ecdsa = sshKeygen('ecdsa');
    await server.changeHostKey([ecdsa]);
    const error = await failure(trusting(...known));
    expect(error).toBeInstanceOf(HostKeyRefused);
    expect(error).toMatchObject({ reason: 'KeyTypeUnavailable', offered: parseHostKey(ecdsa.publicKey) });
    expect([events, server.attempts]).toEqual([[], []]);
  });
});

describe('login', () => {
  it('by password asks for the methods first and sends the password once', async () => {
    server.users.set('tester', { password: 'pässword $x' });
    const connection = await logIn(password('pässword $x'));
    expect(connection.login.method).toBe('password');
    expect(server.attempts).toEqual(['none', 'password']);
  });

  it('by password answers keyboard-interactive where that is what the host offers', async () => {
    server.users.set('tester', { password: 'secret', prompts: [{ prompt: 'Passwort: ', echo: false }] });
    const connection = await logIn(password('secret\n'));
    expect(connection.login.method).toBe('keyboard-interactive');
  });

  it('with a passphrase', async () => {
    const pair = sshKeygen('ed25519', { passphrase: 'geheim' });
    server.users.set('tester', { authorizedKeys: [pair.publicKey] });
    const credential = (passphrase?: string) => ({
      credential: () => Promise.resolve({ kind: 'key', privateKey: pair.privateKey, passphrase } as const),
    });
    await logIn(credential('geheim'));
    expect(await failure(credential('wrong'))).toMatchObject({ reason: 'PassphraseRequired' });
    expect(await failure(credential())).toMatchObject({ reason: 'PassphraseRequired' });
  });

  it.each([
    ['a wrong key', { kind: 'key', privateKey: generateKeyPair('other').privateKey }, ['publickey']],
    ['a wrong password', { kind: 'password', password: 'canary-wrong' }, ['none', 'password']],
  ] as const)('with %s is rejected after one attempt, in a class of its own', async (_what, credential, attempts) => {
    server.users.set('tester', { password: 'right' });
    const error = await failure({ credential: () => Promise.resolve(credential) });
    expect(error).toBeInstanceOf(AuthenticationRejected);
    expect(error).toMatchObject({ reason: 'CredentialsRejected', retry: { kind: 'never' } });
    expect(error).toMatchObject({ offeredMethods: ['publickey', 'password'] });
    expect(server.attempts).toEqual(attempts);
    expect(error.advice).not.toContain('canary-wrong');
  });

  it('sends no password to a host that takes none', async () => {
    const error = await failure(password('secret'));
    expect(error).toMatchObject({ reason: 'CredentialsRejected', offeredMethods: ['publickey'] });
    expect(error.message).toContain('passwords are not accepted');
    expect(server.attempts).toEqual(['none']);
  });

  it('gives the password to one hidden question only', async () => {
    const code = { prompt: 'Verification code: ', echo: true };
    for (const prompts of [[code], [{ prompt: 'Password: ', echo: false }, code]]) {
      server.users.set('tester', { password: 'secret', prompts });
      const error = await failure(password('secret'));
      expect(error).toMatchObject({ reason: 'CredentialsRejected' });
      expect(error.message).toContain('more than the password');
    }
  });

  it('says so when a second factor is demanded', async () => {
    server.users.set('tester', { secondFactor: true });
    const error = await failure();
    expect(error).toBeInstanceOf(AuthenticationRejected);
    expect(error.message).toContain('second factor');
  });

  it('passes on what fetching the credential threw', async () => {
    const missing = new TransientError('SecretMissing', 'Secret x does not exist.', { remedy: 'Create it.' });
    expect(await failure({ credential: () => Promise.reject(missing) })).toBe(missing);
  });
});

describe('addresses', () => {
  it('are tried in order until one answers, with the reason of each that did not', async () => {
    const connection = await logIn({
      addresses: [{ type: 'FQDN', address: 'no-such-host.invalid' }, { type: 'IPv6', address: '::1' }, loopback],
    });
    expect(connection.login.address).toBe('127.0.0.1');
    expect(connection.peer).toBe(`127.0.0.1:${String(server.port)}`);
    expect(connection.login.failedAddresses.map(({ error }) => error.reason)).toEqual([
      'NameResolutionFailed',
      expect.stringMatching(/ConnectionRefused|NoRoute/),
    ]);
  });

  it('fail together with one reason each and the most telling one as the whole', async () => {
    const error = await failure({
      port: await freePort(),
      addresses: [{ type: 'FQDN', address: 'no-such-host.invalid' }, loopback],
    });
    expect(error).toBeInstanceOf(AddressesFailed);
    expect(error.reason).toBe('ConnectionRefused');
    expect(error.message).toContain('no-such-host.invalid');
    expect(error.message).toContain('127.0.0.1');
  });

  it.each([
    ['loopback', '127.0.0.1', [...defaultDeniedCidrs]],
    ['a name that resolves into the range', 'localhost', ['127.0.0.0/8', '::1/128']],
    ['another spelling', '::ffff:127.0.0.1', ['127.0.0.0/8']],
  ])('in a denied range are not connected to: %s', async (_what, address, deniedCidrs) => {
    const error = await failure({ addresses: [{ type: 'Hostname', address }], deniedCidrs });
    expect(error).toMatchObject({ reason: 'AddressDenied' });
    expect(server.front.connections).toBe(0);
  });

  it('are not tried further after a rejected login or a changed host key', async () => {
    server.faults = { rejectLogins: true };
    expect(await failure({ addresses: [loopback, loopback] })).toMatchObject({ reason: 'CredentialsRejected' });
    expect(server.front.connections).toBe(1);
    expect(
      await failure({ ...trusting(parseHostKey(generateKeyPair('x').publicKey)), addresses: [loopback, loopback] }),
    ).toMatchObject({
      reason: 'HostKeyMismatch',
    });
    expect(server.front.connections).toBe(2);
  });

  it('are no reason to go on when the operator gives up', async () => {
    const abort = new AbortController();
    server.front.faults = { greeting: 'silent' };
    const outcome = expect(connect(options({ signal: abort.signal, addresses: [loopback, loopback] }))).rejects.toThrow(
      'stopping',
    );
    await vi.waitUntil(() => server.front.connections === 1, { timeout: 10_000 });
    abort.abort(new Error('stopping'));
    await outcome;
    expect(server.front.connections).toBe(1);
  });
});

describe('failures of the link', () => {
  /** Short: for peers that never answer. */
  const timeouts = { connectMs: 1_000, handshakeMs: 700 };

  it('ConnectionRefused when nothing listens', async () => {
    expect(await failure({ port: await freePort() })).toMatchObject({ reason: 'ConnectionRefused' });
  });

  it('ConnectionTimedOut when the port is open and sshd says nothing', async () => {
    server.front.faults = { greeting: 'silent' };
    const error = await failure({ timeouts });
    expect(error).toMatchObject({ reason: 'ConnectionTimedOut' });
    expect(error.message).toContain('says nothing');
  });

  it('ConnectionTimedOut when the host swallows the connection', async () => {
    // listens and never accepts: once its backlog is full, the kernel drops what comes
    const text = `require('net').createServer().listen({ host: '127.0.0.1', port: 0, backlog: 1 }, function () {
      require('fs').writeSync(1, String(this.address().port));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    })`;
    const child = spawn(process.execPath, ['-e', text], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
    const fillers = Array.from({ length: 6 }, () => createConnection(Number(chunk.toString()), '127.0.0.1'));
    for (const filler of fillers) filler.on('error', () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const error = await failure({ port: Number(chunk.toString()), timeouts });
    expect(error).toMatchObject({ reason: 'ConnectionTimedOut' });
    for (const filler of fillers) filler.destroy();
    child.kill('SIGKILL');
  });

  it.each([
    ['closed at once', 'close'],
    ['closed with a word by OpenSSH 9.8', { text: 'Exceeded MaxStartups\r\n' }],
    ['closed with a penalty by OpenSSH 9.8', { text: 'Not allowed at this time\r\n' }],
  ] as const)('ConnectionThrottled when it is %s', async (_what, greeting) => {
    server.front.faults = { greeting };
    expect(await failure()).toMatchObject({ reason: 'ConnectionThrottled' });
  });

  it('ProtocolError when something else listens, and what it said', async () => {
    server.front.faults = { greeting: { text: 'HTTP/1.1 400 Bad Request\r\n\r\n' } };
    const error = await failure();
    expect(error).toMatchObject({ reason: 'ProtocolError' });
    expect(error.message).toContain('HTTP/1.1 400 Bad Request');
  });

  it('a known class at every byte where the link may be cut, and never a second login', async () => {
    const reasons = new Map<string, number>();
    for (let bytes = 1; bytes < 3_000; bytes += 97) {
      server.front.faults = { cutAfterServerBytes: bytes };
      const error: unknown = await logIn().catch((reason: unknown) => reason);
      if (!(error instanceof ReconcileError)) continue;
      reasons.set(error.reason, (reasons.get(error.reason) ?? 0) + 1);
    }
    expect([...reasons.keys()].every((reason) => ['ConnectionThrottled', 'ConnectionLost'].includes(reason))).toBe(
      true,
    );
    expect([...reasons.keys()]).toContain('ConnectionLost');
  });

  it('ConnectionLost for running scripts when the link is cut, at once', async () => {
    const connection = await logIn();
    const running = connection.run({ name: 'long', text: 'sleep 20' }, { asUser: true });
    setTimeout(() => server.front.cut(), 200);
    const started = Date.now();
    await expect(running).rejects.toMatchObject({ reason: 'ConnectionLost' });
    expect(Date.now() - started).toBeLessThan(5_000);
    expect(connection.alive).toBe(false);
    await connection.closed;
    await expect(connection.run({ name: 'after', text: ':' })).rejects.toMatchObject({ reason: 'ConnectionLost' });
  });

  it('that is slow leaves no script behind that was aborted before we heard that it began', async () => {
    server.front.faults = { delayMs: 300 };
    const connection = await logIn();
    const file = join(tmpdir(), `hostler-early-${String(process.pid)}`);
    const abort = new AbortController();
    const script = { name: 'early', text: 'echo $$ >"$1"; sleep 300', args: [file] };
    const outcome = expect(connection.run(script, { asUser: true, signal: abort.signal })).rejects.toThrow('enough');
    await vi.waitUntil(() => existsSync(file), { timeout: 20_000, interval: 5 });
    abort.abort(new Error('enough'));
    await outcome;
    const pid = readFileSync(file, 'utf8').trim();
    rmSync(file);
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });

  it('ConnectionLost when the peer freezes, found by keepalives', async () => {
    const connection = await logIn({ keepaliveMs: 150 });
    server.front.freeze();
    await expect(connection.run({ name: 'frozen', text: ':' }, { asUser: true })).rejects.toMatchObject({
      reason: 'ConnectionLost',
    });
    expect(connection.alive).toBe(false);
  });

  it('ConnectionLost, never success, when a script ends without a status', async () => {
    const connection = await logIn();
    server.faults = { replaceCommand: 'true', loseStatus: true };
    await expect(connection.run({ name: 'x', text: ':' }, { asUser: true })).rejects.toMatchObject({
      reason: 'ConnectionLost',
    });
  });
});

describe('login shell', () => {
  it('that prints noise changes nothing', async () => {
    server.faults = { noise: 'Welcome!\nLast login: yesterday\n\u001b[31m* restart required *\u001b[0m' };
    const connection = await logIn();
    expect(await connection.run({ name: 'x', text: 'echo clean' }, { asUser: true })).toMatchObject({
      stdout: 'clean\n',
    });
  });

  it('that ends before the script is named with what it printed', async () => {
    server.faults = { replaceCommand: 'echo This account is currently not available.; exit 1' };
    const error = await failure();
    expect(error).toMatchObject({ reason: 'ProtocolError' });
    expect(error.message).toContain('This account is currently not available.');
  });

  it('never sees script, arguments or secrets in its command', async () => {
    const connection = await logIn();
    await connection.run(
      { name: 'x', text: ': canary-text', args: ['canary-argument'], secretInput: 'canary-secret' },
      { asUser: true },
    );
    expect(server.commands.join('\n')).not.toContain('canary');
    expect(server.commands.at(-1)).toMatch(/^exec timeout -k 5 \d+ \/bin\/sh -s$/);
  });
});

describe('OpenSSH', () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd({ config: ['MaxAuthTries 1'] });
  });
  afterAll(() => sshd.stop());

  const real = (changes: Partial<ConnectOptions> = {}): Partial<ConnectOptions> => ({
    port: sshd.port,
    user: sshd.user,
    credential: () => Promise.resolve({ kind: 'key', privateKey: sshd.clientKey }),
    ...changes,
  });

  it('proves its other host keys soon after the login', async () => {
    const connection = await logIn(real());
    expect(connection.login.hostKeys.map((key) => key.type)).toEqual(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa']);
    expect(connection.login.hostKeys).toEqual(sshd.hostKeys.map((line) => parseHostKey(line)));
    expect(connection.login.clientAddress).toBe('127.0.0.1');
  });

  it.each([0, 1, 2])('is known by any one of its keys (%i)', async (index) => {
    const key = parseHostKey(sshd.hostKeys[index] ?? '');
    const connection = await logIn(real(trusting(key)));
    expect(connection.login.hostKey).toEqual(key);
  });

  it('that ends the connection instead of answering has rejected the login', async () => {
    const error = await failure(
      real({ credential: () => Promise.resolve({ kind: 'key', privateKey: generateKeyPair('x').privateKey }) }),
    );
    expect(error).toBeInstanceOf(AuthenticationRejected);
  });

  it('restarted with new keys is a mismatch for those who knew it', async () => {
    const known = sshd.hostKeys.map((line) => parseHostKey(line));
    await sshd.restart({ newHostKeys: true });
    // sshd may log a login after it was answered: only now nobody of before is left to do so
    const before = sshd.log().length;
    expect(await failure(real(trusting(...known)))).toMatchObject({ reason: 'HostKeyMismatch' });
    expect(sshd.log().slice(before)).not.toContain('publickey');
  });

  it('drops logins beyond MaxStartups: throttled, not down', async () => {
    const busy = await startSshd({ config: ['MaxStartups 1', 'LoginGraceTime 20'] });
    const front = await FaultyPort.to(busy.port);
    // holds the one place for unauthenticated connections until it is told to let go
    let asked = false;
    const abort = new AbortController();
    const hanging = connect(
      options({
        ...real({ port: front.port }),
        user: busy.user,
        credential: () => {
          asked = true;
          return new Promise(() => undefined);
        },
        signal: abort.signal,
      }),
    ).catch(() => undefined);
    await vi.waitUntil(() => asked, { timeout: 15_000 });
    const error = await failure(real({ port: busy.port, user: busy.user }));
    expect(error).toMatchObject({ reason: 'ConnectionThrottled' });
    abort.abort(new Error('enough'));
    await hanging;
    await front.close();
    await busy.stop();
  });

  it('reached through a jump host, where names are resolved and ranges checked', async () => {
    const hop = await logIn(real());
    const connection = await logIn({ via: hop, addresses: [{ type: 'Hostname', address: 'localhost' }] });
    expect(await connection.run({ name: 'x', text: 'echo there' }, { asUser: true })).toMatchObject({
      stdout: 'there\n',
    });
    const denied = await failure({
      via: hop,
      addresses: [{ type: 'Hostname', address: 'localhost' }],
      deniedCidrs: ['127.0.0.0/8', '::1'],
    });
    expect(denied).toMatchObject({ reason: 'AddressDenied' });
    expect(await failure({ via: hop, port: await freePort() })).toMatchObject({ reason: 'ConnectionRefused' });
    expect(await failure({ via: hop, addresses: [{ type: 'FQDN', address: 'no-such-host.invalid' }] })).toMatchObject({
      reason: 'NameResolutionFailed',
    });
    hop.close();
    await connection.closed;
    expect(connection.alive).toBe(false);
  });

  it('that forbids forwarding is told apart from an unreachable target', async () => {
    const strict = await startSshd({ config: ['AllowTcpForwarding no'] });
    const hop = await logIn({
      ...real(),
      port: strict.port,
      user: strict.user,
      credential: () => Promise.resolve({ kind: 'key', privateKey: strict.clientKey }),
    });
    const error = await failure({ via: hop });
    expect(error).toMatchObject({ reason: 'NoRoute' });
    expect(error.advice).toContain('AllowTcpForwarding');
    await strict.stop();
  });
});
