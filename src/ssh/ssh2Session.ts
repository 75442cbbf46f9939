import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';
import { systemClock } from '../lib/clock.ts';
import { ReconcileError, TransientError } from '../lib/errors.ts';
import { abortReason, settled } from './abortable.ts';
import { ChannelSlots } from './channelSlots.ts';
import type { PrivilegeOptions } from './connectOptions.ts';
import { endScript, resultOf, timedOut, waitForEnd, type RunContext } from './runOutcome.ts';
import { launch, refusalError, type RunAs } from './launch.ts';
import {
  detectPrivilege,
  parseProbe,
  probeScript,
  rootScript,
  type LoginProbe,
  type PrivilegeFinding,
  type RootTry,
} from './privilege.ts';
import { openTunnel } from './tunnel.ts';
import { newFrame, renderScript } from './script.ts';
import { ScriptRun, type ScriptRunOptions, type ProcessIdentity, type RunEnd } from './scriptRun.ts';
import type { Connection, ExecOptions, ExecResult, LoginFacts, Privilege, Script } from './session.ts';

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_MAX_OUTPUT_BYTES = 1024 * 1024;
/** For ending a script that passed its deadline, over a channel of its own. */
const END_TIMEOUT_MS = 8_000;
/** For a script to say that it began: until then it cannot be ended. */
const BEGIN_GRACE_MS = 2_000;
/** Between tries to open a channel while none of ours is open. */
const REFUSAL_PAUSES_MS = [100, 300, 1_000, 2_000];

/** What `connect` knows about a fresh login. */
export interface Ssh2Login {
  client: Client;
  peer: string;
  login: Omit<LoginFacts, 'clientAddress'>;
  privilege: PrivilegeOptions;
  /** Resolves when the link is gone. */
  closed: Promise<Error | undefined>;
  /** Cuts the link at once. */
  destroy: () => void;
}

interface RunLimits {
  timeoutMs: number;
  maxOutputBytes: number;
  signal: AbortSignal | undefined;
}

/** A {@link Connection} over ssh2. */
export class Ssh2Session implements Connection {
  readonly peer: string;
  readonly closed: Promise<Error | undefined>;
  readonly #client: Client;
  readonly #destroy: () => void;
  readonly #options: PrivilegeOptions;
  readonly #slots = new ChannelSlots();
  #login: LoginFacts;
  #probe: LoginProbe | undefined;
  #finding: PrivilegeFinding | undefined;
  #foundAt = 0;
  #password: string | undefined;
  #alive = true;

  private constructor(login: Ssh2Login) {
    this.peer = login.peer;
    this.#client = login.client;
    this.#destroy = login.destroy;
    this.#options = login.privilege;
    this.#login = { ...login.login, clientAddress: undefined };
    this.closed = login.closed;
    void this.closed.then(() => {
      this.#alive = false;
      this.#password = undefined;
    });
  }

  /**
   * Looks at the host once, as the login user, and at the way to root.
   * @throws TransientError ConnectionLost | ConnectionTimedOut | ProtocolError
   */
  static async open(login: Ssh2Login, signal?: AbortSignal): Promise<Ssh2Session> {
    const session = new Ssh2Session(login);
    const limits = { timeoutMs: 20_000, maxOutputBytes: 16_384, signal };
    const { result } = await session.#execute(probeScript, 'user', limits);
    const probe = parseProbe(result);
    session.#probe = probe;
    session.#login = { ...session.#login, clientAddress: probe.clientAddress };
    await session.#findPrivilege(probe, signal);
    return session;
  }

  get login(): LoginFacts {
    return this.#login;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get privilege(): Privilege {
    return this.#finding?.privilege ?? { kind: 'none' };
  }

  get privilegeFailure(): ReconcileError | undefined {
    return this.#finding?.failure;
  }

  async run(script: Script, options: ExecOptions & { asUser?: boolean } = {}): Promise<ExecResult> {
    const limits = {
      timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      maxOutputBytes: options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES,
      signal: options.signal,
    };
    const as = options.asUser === true ? 'user' : this.#wayToRoot();
    const { result } = await this.#execute(script, as, limits);
    return result;
  }

  async recheckPrivilege(options: { minAgeMs: number; forced: boolean; signal?: AbortSignal }): Promise<void> {
    if (this.#probe === undefined || this.#finding?.failure === undefined) return;
    const isDue = !this.#finding.final && Date.now() - this.#foundAt >= options.minAgeMs;
    if (isDue || options.forced) await this.#findPrivilege(this.#probe, options.signal);
  }

  async tunnel(address: string, port: number, signal?: AbortSignal): Promise<Duplex> {
    if (!this.#alive) throw this.#lost();
    return openTunnel(this.#client, { address, port, via: this.peer }, signal);
  }

  /** A connection outside a pool ends with its use. */
  release(): void {
    this.close();
  }

  close(): void {
    this.#alive = false;
    this.#client.end();
    // an unanswered FIN must not keep the link for hours
    setTimeout(() => this.#destroy(), 2_000).unref();
  }

  #wayToRoot(): RunAs {
    if (this.#finding?.failure !== undefined) throw this.#finding.failure;
    const { kind } = this.privilege;
    return kind === 'sudo' || kind === 'doas' ? kind : 'user';
  }

  async #findPrivilege(probe: LoginProbe, signal: AbortSignal | undefined): Promise<void> {
    this.#foundAt = Date.now();
    this.#finding = await detectPrivilege(this.#options.mode, this.#login.user, probe, (as) =>
      this.#tryRoot(as, signal),
    );
  }

  async #tryRoot(as: 'sudo' | 'doas', signal: AbortSignal | undefined): Promise<RootTry> {
    const limits = { timeoutMs: 20_000, maxOutputBytes: 4_096, signal };
    try {
      return await this.#execute(rootScript, as, limits);
    } catch (error) {
      if (!this.#alive || !(error instanceof ReconcileError) || error.reason === 'ConnectionLost') throw error;
      return { failure: error, prompted: error.reason === 'PasswordRequired' && this.#password !== undefined };
    }
  }

  /** Kept as long as the session, as every script under sudo needs it. */
  async #getPassword(): Promise<string | undefined> {
    this.#password ??= await this.#options.password?.();
    return this.#password;
  }

  async #execute(script: Script, as: RunAs, limits: RunLimits): Promise<{ result: ExecResult; prompted: boolean }> {
    const frame = newFrame();
    const start = {
      script,
      frame,
      program: renderScript(script, frame),
      launch: launch(as, { timeoutMs: limits.timeoutMs, watchdog: this.#probe?.hasTimeout ?? false }),
      maxOutputBytes: limits.maxOutputBytes,
      password: () => this.#getPassword(),
    };
    const { run, release } = await this.#start(start, limits.signal);
    try {
      const startedAt = performance.now();
      const context = { name: script.name, peer: this.peer, timeoutMs: limits.timeoutMs, durationMs: 0 };
      const end = await this.#await(run, as, limits, context);
      context.durationMs = Math.round(performance.now() - startedAt);
      return { result: this.#judge(end, run, as, context), prompted: run.dialog.wasPrompted };
    } finally {
      release();
    }
  }

  /**
   * The script on a free channel. A host that grants fewer than we would like is taken at its word; sshd also counts the sessions of
   * processes that have just been ended, so a refusal is believed only after some tries.
   */
  async #start(
    start: ScriptRunOptions,
    signal: AbortSignal | undefined,
  ): Promise<{ run: ScriptRun; release: () => void }> {
    for (let refusals = 0; ; refusals++) {
      const release = await this.#slots.take(signal);
      try {
        return { run: await this.#open(start), release };
      } catch (error) {
        const others = this.#slots.used - 1;
        release();
        await this.#afterRefusal(error, { others, refusals, signal });
      }
    }
  }

  async #afterRefusal(
    error: unknown,
    { others, refusals, signal }: { others: number; refusals: number; signal: AbortSignal | undefined },
  ): Promise<void> {
    if (!this.#alive) throw this.#lost(error);
    if (!isOpenFailure(error)) throw noChannel(this.peer, error);
    if (others > 0) {
      this.#slots.shrink(others);
      return;
    }
    const pauseMs = REFUSAL_PAUSES_MS[refusals];
    if (pauseMs === undefined) {
      // sshd's places are taken by what hangs there: the next login begins with none taken
      this.close();
      throw noChannel(this.peer, error);
    }
    await systemClock.sleep(pauseMs, signal);
  }

  #open(start: ScriptRunOptions): Promise<ScriptRun> {
    return new Promise((resolve, reject) => {
      this.#request(
        () =>
          this.#client.exec(start.launch.command, (error, channel) => {
            // at once: what ends at once may have its exit status in the very packet that follows
            if (error === undefined) resolve(new ScriptRun(channel, start));
            else reject(error);
          }),
        reject,
      );
    });
  }

  /** ssh2 throws synchronously when the link is already gone. */
  #request(act: () => unknown, reject: (error: Error) => void): void {
    try {
      act();
    } catch (error) {
      reject(this.#lost(error));
    }
  }

  /** Waits for the end, the deadline or the abort; after the latter two the remote process is ended first. */
  async #await(run: ScriptRun, as: RunAs, limits: RunLimits, context: RunContext): Promise<RunEnd> {
    const end = await waitForEnd(run, limits.timeoutMs, limits.signal);
    if (typeof end === 'object' && end.kind !== 'Broken') return end;
    await this.#endRemote(run, as);
    if (typeof end === 'object') return end;
    throw end === 'aborted' ? abortReason(limits.signal) : timedOut(context);
  }

  async #endRemote(run: ScriptRun, as: RunAs): Promise<void> {
    let isEnded = false;
    try {
      await settled(run.begun, BEGIN_GRACE_MS);
      isEnded = run.identity !== undefined && this.#alive && (await this.#endProcess(run.identity, as));
    } catch (error) {
      // the deadline is what the caller must hear about; the watchdog on the host ends the process in the end
      if (!(error instanceof Error)) throw error;
    } finally {
      run.abandon(isEnded);
    }
  }

  /** Over a channel beyond the slots, which may all be held by what hangs. */
  async #endProcess(identity: ProcessIdentity, as: RunAs): Promise<boolean> {
    const script = endScript(identity);
    const frame = newFrame();
    const plan = launch(as, { timeoutMs: END_TIMEOUT_MS, watchdog: this.#probe?.hasTimeout ?? false });
    const ender = await this.#open({
      script,
      frame,
      program: renderScript(script, frame),
      launch: plan,
      maxOutputBytes: 4_096,
      password: () => this.#getPassword(),
    });
    const end = await waitForEnd(ender, END_TIMEOUT_MS, undefined);
    const isEnded = typeof end === 'object' && end.kind === 'Finished' && end.exitCode === 0;
    ender.abandon(isEnded);
    return isEnded;
  }

  #judge(end: RunEnd, run: ScriptRun, as: RunAs, context: RunContext): ExecResult {
    if (end.kind !== 'Refused') return resultOf(end, context);
    if (!this.#alive || (end.exitCode === undefined && end.signal === undefined)) throw this.#lost();
    if (run.dialog.error !== undefined) throw asError(run.dialog.error);
    const { refusal } = run.dialog;
    const failure = refusalError(as, this.#login.user, refusal);
    this.#foundAt = Date.now();
    this.#finding = { privilege: { kind: 'none' }, failure, final: refusal.kind === 'PasswordRefused' };
    throw failure;
  }

  #lost(cause?: unknown): TransientError {
    return new TransientError('ConnectionLost', `The connection to ${this.peer} is gone.`, {
      cause,
      remedy: 'The host is looked at again as soon as it can be reached.',
    });
  }
}

/** RFC 4254 5.1: sshd refused the channel (MaxSessions), the connection lives on. */
function isOpenFailure(error: unknown): boolean {
  return error instanceof Error && 'reason' in error;
}

function noChannel(peer: string, cause: unknown): TransientError {
  return new TransientError('ProtocolError', `sshd on ${peer} lets the user log in but run nothing.`, {
    cause,
    remedy: 'Check MaxSessions, ForceCommand and Match blocks in sshd_config, and command= in authorized_keys.',
  });
}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
