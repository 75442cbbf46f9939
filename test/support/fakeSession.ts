import type { ReconcileError } from '../../src/lib/errors.ts';
import type { ExecOptions, ExecResult, LoginFacts, PooledSession, Privilege, Script } from '../../src/ssh/session.ts';

/** What a script does to the fake host; returns what it printed, or throws as a real session would. */
export type FakeScript<State> = (
  state: State,
  script: Script,
  options: ExecOptions & { asUser?: boolean },
) => Partial<ExecResult> | string | Promise<Partial<ExecResult> | string>;

/**
 * A host in memory. Scripts are known by name, or by the part of the name before `*`, and work on `state`; a script
 * that nobody taught it throws, so that a typo or a new round trip never passes for success.
 */
export class FakeSession<State extends object = Record<string, never>> implements PooledSession {
  readonly state: State;
  privilege: Privilege = { kind: 'root' };
  privilegeFailure: ReconcileError | undefined;
  readonly peer = '203.0.113.10:22';
  login: LoginFacts = {
    user: 'root',
    method: 'publickey',
    address: '203.0.113.10',
    port: 22,
    hostKey: { type: 'ssh-ed25519', publicKey: 'AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' },
    trust: 'Known',
    hostKeys: [],
    clientAddress: '203.0.113.1',
    failedAddresses: [],
  };
  alive = true;
  readonly closed = new Promise<Error | undefined>(() => undefined);
  /** Names of the scripts that ran, in order. */
  readonly ran: string[] = [];
  releases = 0;
  readonly #scripts: Record<string, FakeScript<State>>;

  constructor(scripts: Record<string, FakeScript<State>>, state: State) {
    this.#scripts = scripts;
    this.state = state;
  }

  async run(script: Script, options: ExecOptions & { asUser?: boolean } = {}): Promise<ExecResult> {
    options.signal?.throwIfAborted();
    const act = this.#find(script.name);
    if (options.asUser !== true && this.privilegeFailure !== undefined) throw this.privilegeFailure;
    this.ran.push(script.name);
    const outcome = await act(this.state, script, options);
    const result = typeof outcome === 'string' ? { stdout: outcome } : outcome;
    return { exitCode: 0, signal: undefined, stdout: '', stderr: '', truncated: false, durationMs: 0, ...result };
  }

  recheckPrivilege(): Promise<void> {
    return Promise.resolve();
  }

  tunnel(): Promise<never> {
    return Promise.reject(new Error('the fake host opens no tunnel'));
  }

  release(): void {
    this.releases += 1;
  }

  #find(name: string): FakeScript<State> {
    const known = Object.entries(this.#scripts).find(
      ([pattern]) => pattern === name || (pattern.endsWith('*') && name.startsWith(pattern.slice(0, -1))),
    );
    if (known === undefined) throw new Error(`the fake host does not know script ${name}`);
    return known[1];
  }
}
