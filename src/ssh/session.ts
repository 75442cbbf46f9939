import type { Duplex } from 'node:stream';
import type { HostKey } from '../api/knownHost.ts';
import type { ReconcileError } from '../lib/errors.ts';

/** One command's outcome. A command that ran and failed is data, not an exception. */
export interface ExecResult {
  /** 0…255. Never undefined: a command whose end is unknown throws TransientError ConnectionLost instead. */
  exitCode: number;
  /** Name of the signal that ended it, such as `KILL`; then `exitCode` is 128 + n. */
  signal: string | undefined;
  /** Decoded as UTF-8; bytes that are none become U+FFFD. Only what the script printed, never the noise of rc files. */
  stdout: string;
  stderr: string;
  /** stdout or stderr passed `maxOutputBytes` and was cut there. */
  truncated: boolean;
  durationMs: number;
}

/** Limits of one run. */
export interface ExecOptions {
  /**
   * Milliseconds from the moment a channel is free; default 60 000. Passing it also ends the remote process, then
   * throws TransientError ConnectionTimedOut.
   */
  timeoutMs?: number;
  /**
   * Each of stdout and stderr; default 1 MiB; the rest is thrown away. A script that goes on past 16 times as much is
   * ended: TransientError ProtocolError.
   */
  maxOutputBytes?: number;
  /** Aborting ends the remote process and rejects with `signal.reason`. */
  signal?: AbortSignal;
}

/**
 * A POSIX sh program with its arguments: the only thing that is ever run on a host.
 * `text` is constant source code of Hostler; whatever varies travels in `args` as `"$1"`, `"$2"` …, through the one
 * quoting function (ssh/quote.ts), and secrets travel in `secretInput`, which the script reads from descriptor 3.
 * The text runs in a subshell that was read to its end before the first command starts: no command can eat the rest
 * of it, and `exit` is safe. Standard input is empty unless `input` is given.
 */
export interface Script {
  /** Short constant name for logs, such as `docker-engine/install`. */
  name: string;
  text: string;
  args?: readonly string[];
  /**
   * Bytes the script can read from file descriptor 3, exactly these, then end of file; never logged, never in argv,
   * never on the host's disk. `read` wants a final newline. Not together with `input`.
   */
  secretInput?: string;
  /** Bytes on standard input, for what is too big for `args`. Streamed. Not together with `secretInput`. */
  input?: string | Uint8Array;
}

/** How the session becomes root. */
export type Privilege =
  { kind: 'root' } | { kind: 'sudo'; withPassword: boolean } | { kind: 'doas' } | { kind: 'none' };

/**
 * One authenticated SSH login to one host, shared by everything that works on that host.
 * Implementations: ssh2 (src/ssh/ssh2Session.ts); tests have an in-memory one.
 */
export interface Session {
  /** What was found when the session was opened. */
  readonly privilege: Privilege;
  /**
   * Why `privilege` is `none`: what `run` throws; its reason belongs to condition Privileged. Also set by a `run` for
   * which sudo or doas refused what it allowed before.
   */
  readonly privilegeFailure?: ReconcileError | undefined;
  /** The address this session reached, after name resolution: `203.0.113.10:22`. */
  readonly peer: string;

  /**
   * Runs `script` under `sh` on the host, as root unless `asUser`, and waits for it.
   * The script gets `set -eu`, `LC_ALL=C.UTF-8`, umask 022, a PATH that begins with the system's directories, and its
   * arguments as positional parameters; its source is sent over standard input, so that neither it nor its arguments
   * appear in a process list.
   * Also returns when the script fails: read `exitCode`.
   * @throws TransientError ConnectionLost | ConnectionTimedOut | ProtocolError  when it never ran or its end is unknown.
   * @throws TerminalError PasswordRequired | NotInSudoers | TTYRequired | SudoMissing | ManualRootStepsRequired  when
   *   root cannot be had ({@link privilegeFailure}).
   * @throws TerminalError InvalidSpec  when an argument holds NUL or half a surrogate pair.
   * Not guaranteed: that the remote process is dead after a lost link; a watchdog on the host ends it at the deadline.
   */
  run(script: Script, options?: ExecOptions & { asUser?: boolean }): Promise<ExecResult>;

  /** Gives the session back to its pool. Idempotent. */
  release(): void;
}

/** How a login came about: what conditions and `status.hostKeys` report. */
export interface LoginFacts {
  user: string;
  /** What the host accepted. */
  method: 'publickey' | 'password' | 'keyboard-interactive';
  /** The declared address that answered, and its port. */
  address: string;
  port: number;
  /** The key that the handshake proved. */
  hostKey: HostKey;
  /** Whether {@link hostKey} was trusted before, or stored on first use by this login. */
  trust: 'Known' | 'FirstUse';
  /**
   * All host keys that the host has proven to hold (OpenSSH's hostkeys-prove), {@link hostKey} first. Those that are
   * not trusted yet may be added to the KnownHost, so that a later change of algorithm is no mismatch.
   */
  hostKeys: readonly HostKey[];
  /** Our address as sshd sees it, for guards against locking ourselves out. */
  clientAddress: string | undefined;
  /** Addresses tried before the one that answered, each with its reason. */
  failedAddresses: readonly AddressFailure[];
}

/** Why one address could not be used. */
export interface AddressFailure {
  /** With port: `203.0.113.10:22`. */
  address: string;
  error: ReconcileError;
}

/** A {@link Session} that is a live connection of its own: what `connect` returns and the pool keeps. */
export interface Connection extends Session {
  readonly login: LoginFacts;
  /** False once the link is gone. */
  readonly alive: boolean;
  /**
   * Looks for a way to root again where none was found, as people repair sudoers.
   * @param options.minAgeMs  Not when it was looked for within that time, nor after a refused password: failed tries may
   *   lock the account.
   * @param options.forced  In any case.
   * @throws TransientError ConnectionLost | ConnectionTimedOut | ProtocolError
   */
  recheckPrivilege(options: { minAgeMs: number; forced: boolean; signal?: AbortSignal }): Promise<void>;
  /** Resolves when the link is gone, with the error that broke it, or undefined after `close`. */
  readonly closed: Promise<Error | undefined>;
  /** A TCP stream that this host opens for us (jump host). @throws TransientError with the far end's reason. */
  tunnel(address: string, port: number, signal?: AbortSignal): Promise<Duplex>;
  /** Ends the connection, running scripts included. Idempotent. */
  close(): void;
}

/** What {@link import('./pool.ts').SessionPool.acquire} hands out: everything of a connection but its end. */
export type PooledSession = Omit<Connection, 'close'>;
