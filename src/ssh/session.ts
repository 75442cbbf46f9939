/** One command's outcome. A command that ran and failed is data, not an exception. */
export interface ExecResult {
  /** 0…255. Never undefined: a command whose end is unknown throws TransientError ConnectionLost instead. */
  exitCode: number;
  /** Name of the signal that ended it, such as `KILL`; then `exitCode` is 128 + n. */
  signal: string | undefined;
  stdout: string;
  stderr: string;
  /** stdout or stderr passed `maxOutputBytes` and was cut there. */
  truncated: boolean;
  durationMs: number;
}

export interface ExecOptions {
  /** Milliseconds; default 60 000. Passing it also ends the remote process, then throws TransientError ConnectionTimedOut. */
  timeoutMs?: number;
  /** Each of stdout and stderr; default 1 MiB. */
  maxOutputBytes?: number;
  signal?: AbortSignal;
}

/**
 * A POSIX sh program with its arguments: the only thing that is ever run on a host.
 * `text` is constant source code of Hostler; whatever varies travels in `args` as `"$1"`, `"$2"` …, through the one
 * quoting function (ssh/quote.ts), and secrets travel in `secretInput`, which the script reads from descriptor 3.
 */
export interface Script {
  /** Short constant name for logs, such as `docker-engine/install`. */
  name: string;
  text: string;
  args?: readonly string[];
  /** Bytes the script can read from file descriptor 3; never logged, never in argv. */
  secretInput?: string;
}

/** How the session becomes root. */
export type Privilege = { kind: 'root' } | { kind: 'sudo'; withPassword: boolean } | { kind: 'doas' } | { kind: 'none' };

/**
 * One authenticated SSH login to one host, shared by everything that works on that host.
 * Implementations: ssh2 (src/ssh/ssh2Session.ts); tests have an in-memory one.
 */
export interface Session {
  /** What was found when the session was opened. */
  readonly privilege: Privilege;
  /** The address this session reached, after name resolution: `203.0.113.10:22`. */
  readonly peer: string;

  /**
   * Runs `script` under `sh` on the host, as root unless `asUser`, and waits for it.
   * The script gets `set -eu`, `LC_ALL=C.UTF-8` and its arguments as positional parameters; its source is sent over
   * standard input, so that neither it nor its arguments appear in a process list.
   * Also returns when the script fails: read `exitCode`.
   * @throws TransientError ConnectionLost | ConnectionTimedOut  when it never ran or its end is unknown.
   * @throws TerminalError PasswordRequired | NotInSudoers | TTYRequired  when root cannot be had.
   * Not guaranteed: that the remote process is dead after a lost link.
   */
  run(script: Script, options?: ExecOptions & { asUser?: boolean }): Promise<ExecResult>;

  /** Gives the session back to its pool. Idempotent. */
  release(): void;
}
