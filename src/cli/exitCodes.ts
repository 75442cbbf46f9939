/** Exit codes of every command; scripts may rely on them. */
export const exitCode = { ok: 0, failed: 1, usage: 2, notFound: 3, timedOut: 4, approvalNeeded: 5 } as const;
export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** Ends a command with a message on standard error and an exit code. */
export class CliError extends Error {
  readonly exitCode: ExitCode;

  constructor(code: ExitCode, message: string) {
    super(message);
    this.name = 'CliError';
    this.exitCode = code;
  }
}
