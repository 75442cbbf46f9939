import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import ssh2, { type AuthContext, type Connection, type ServerChannel, type Session } from 'ssh2';
import type { HostKey } from '../../src/api/knownHost.ts';
import { generateKeyPair } from '../../src/ssh/keys.ts';
import { parseHostKey } from '../../src/ssh/knownHostKey.ts';
import { FaultyPort } from './faultyPort.ts';

/** Who may log in, and how. */
export interface SshServerUser {
  /** Lines for authorized_keys; default: the server's own {@link SshServer.clientKey}. */
  authorizedKeys?: readonly string[];
  password?: string;
  /** HOME of what the user runs; default: one that does not exist. Its .ssh/authorized_keys let in too. */
  home?: string;
  /** Further environment of what the user runs. */
  env?: Readonly<Record<string, string>>;
  /** Public keys are refused, as by PubkeyAuthentication no. */
  refuseKeys?: boolean;
  /** Prompts of keyboard-interactive; the first answer must be the password. */
  prompts?: readonly { prompt: string; echo: boolean }[];
  /** After the first accepted method another one is demanded. */
  secondFactor?: boolean;
}

/** What the server does wrong from now on, beside the faults of its port. */
export interface SshServerFaults {
  /** Every login is refused. */
  rejectLogins?: boolean;
  /** Channels beyond so many are refused, as by MaxSessions. */
  maxSessions?: number;
  /** Scripts are accepted and never answered. */
  hangCommands?: boolean;
  /** Printed by the login shell before the command runs. */
  noise?: string;
  /** Runs instead of what the client asked for. */
  replaceCommand?: string;
  /** Channels close without an exit status. */
  loseStatus?: boolean;
}

/**
 * ssh2's own server class in this process: cheap, and able to misbehave. Commands run for real, by /bin/sh as the
 * invoking user. No substitute for OpenSSH: what must hold there is also tested with sshd.ts.
 */
export class SshServer {
  faults: SshServerFaults = {};
  readonly users = new Map<string, SshServerUser>();
  /** OpenSSH private key that user `tester` is let in with. */
  readonly clientKey: string;
  /** `method` of every attempt, in order. */
  readonly attempts: string[] = [];
  /** Commands the client asked for, as a process list would show them. */
  readonly commands: string[] = [];
  #port: FaultyPort | undefined;
  #server: InstanceType<typeof ssh2.Server> | undefined;
  #hostKeys: { privateKey: string; publicKey: string }[];
  readonly #clientPublic: string;
  readonly #connections = new Set<Connection>();

  private constructor() {
    const client = generateKeyPair('client');
    this.clientKey = client.privateKey;
    this.#clientPublic = client.publicKey;
    this.#hostKeys = [generateKeyPair('host')];
    this.users.set('tester', {});
  }

  static async start(): Promise<SshServer> {
    const server = new SshServer();
    await server.#listen();
    return server;
  }

  /** The port that clients use, with its faults. */
  get front(): FaultyPort {
    if (this.#port === undefined) throw new Error('the server is stopped');
    return this.#port;
  }

  get port(): number {
    return this.front.port;
  }

  get hostKeys(): HostKey[] {
    return this.#hostKeys.map((key) => parseHostKey(key.publicKey));
  }

  /** New host keys (default: one Ed25519), as after a reinstallation; the port changes. */
  async changeHostKey(keys: { privateKey: string; publicKey: string }[] = [generateKeyPair('host')]): Promise<void> {
    await this.stop();
    this.#hostKeys = keys;
    await this.#listen();
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.end();
    await this.#port?.close();
    await new Promise<void>((resolve) => {
      if (this.#server === undefined) resolve();
      else this.#server.close(() => resolve());
    });
    this.#port = undefined;
    this.#server = undefined;
  }

  async #listen(): Promise<void> {
    const server = new ssh2.Server({ hostKeys: this.#hostKeys.map((key) => key.privateKey) }, (connection) => {
      this.#serve(connection);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    this.#server = server;
    this.#port = await FaultyPort.to((server.address() as { port: number }).port);
  }

  #serve(connection: Connection): void {
    this.#connections.add(connection);
    const passed = new Set<string>();
    connection.on('error', () => undefined);
    connection.on('close', () => this.#connections.delete(connection));
    let user = '';
    connection.on('authentication', (context) => {
      user = context.username;
      this.#authenticate(context, passed);
    });
    connection.on('ready', () => {
      let sessions = 0;
      connection.on('session', (accept, reject) => {
        if (sessions >= (this.faults.maxSessions ?? Number.POSITIVE_INFINITY)) {
          reject();
          return;
        }
        sessions += 1;
        const session = accept();
        session.on('close', () => {
          sessions -= 1;
        });
        this.#serveSession(session, this.users.get(user));
      });
      connection.on('tcpip', (accept, reject, info) => {
        const socket = connectTcp(info.destPort, info.destIP);
        socket.once('connect', () => {
          const channel = accept();
          socket.pipe(channel).pipe(socket);
          channel.on('error', () => undefined);
          channel.on('close', () => socket.destroy());
        });
        socket.on('error', () => reject());
      });
    });
  }

  #authenticate(context: AuthContext, passed: Set<string>): void {
    this.attempts.push(context.method);
    const user = this.users.get(context.username);
    const methods = user === undefined ? ['publickey'] : methodsOf(user);
    const refuse = (): void => context.reject(methods as never);
    if (user === undefined || this.faults.rejectLogins === true) {
      refuse();
      return;
    }
    const accept = (): void => {
      passed.add(context.method);
      if (user.secondFactor === true && passed.size < 2) context.reject(['keyboard-interactive'], true);
      else context.accept();
    };
    const judge = (isRight: boolean): void => (isRight ? accept() : refuse());
    if (context.method === 'publickey') {
      const allowed = [...(user.authorizedKeys ?? [this.#clientPublic]), ...keysIn(user.home)];
      const offered = context.key.data.toString('base64');
      const isAllowed = user.refuseKeys !== true && allowed.some((line) => line.split(' ')[1] === offered);
      // without a signature it only asks whether the key would do
      if (isAllowed && context.signature === undefined) context.accept();
      else judge(isAllowed);
      return;
    }
    checkPassword(context, user, judge);
  }

  #serveSession(session: Session, user: SshServerUser | undefined): void {
    session.on('exec', (accept, _reject, info) => {
      this.commands.push(info.command);
      const channel = accept();
      channel.on('error', () => undefined);
      if (this.faults.noise !== undefined) channel.write(this.faults.noise);
      if (this.faults.hangCommands === true) return;
      this.#execute(this.faults.replaceCommand ?? info.command, { channel, session, user });
    });
  }

  #execute(command: string, io: { channel: ServerChannel; session: Session; user: SshServerUser | undefined }): void {
    const { channel, session, user } = io;
    const child = spawn('/bin/sh', ['-c', command], {
      detached: true,
      cwd: '/',
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        HOME: user?.home ?? '/nonexistent',
        SSH_CONNECTION: '127.0.0.1 1 127.0.0.1 2',
        ...user?.env,
      },
    });
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => undefined);
    channel.pipe(child.stdin);
    child.stdout.on('data', (chunk: Buffer) => channel.write(chunk));
    child.stderr.on('data', (chunk: Buffer) => channel.stderr.write(chunk));
    session.on('signal', (accept, _reject, info) => {
      accept();
      if (child.pid !== undefined && child.exitCode === null)
        process.kill(-child.pid, `SIG${info.name}` as NodeJS.Signals);
    });
    child.on('close', (code, signal) => {
      if (this.faults.loseStatus !== true) {
        if (signal !== null) channel.exit(signal.replace('SIG', '') as never);
        else channel.exit(code ?? 0);
      }
      channel.end();
    });
  }
}

function checkPassword(context: AuthContext, user: SshServerUser, judge: (isRight: boolean) => void): void {
  if (context.method === 'password') judge(user.prompts === undefined && context.password === user.password);
  else if (context.method !== 'keyboard-interactive' || user.prompts === undefined) judge(false);
  else context.prompt([...user.prompts], (answers) => judge(answers[0] === user.password));
}

function keysIn(home: string | undefined): string[] {
  const file = `${home ?? ''}/.ssh/authorized_keys`;
  return home !== undefined && existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
}

function methodsOf(user: SshServerUser): string[] {
  if (user.password === undefined) return ['publickey'];
  return user.prompts === undefined ? ['publickey', 'password'] : ['publickey', 'keyboard-interactive'];
}
