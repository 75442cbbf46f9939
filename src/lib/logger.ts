import { pino, type DestinationStream } from 'pino';
import { printable } from './printable.ts';
import { redactor } from './redaction.ts';

/** Structured log: constant message, fields in the object. Never pass a secret; {@link redactor} is only a net. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A logger that adds `fields` to every line. */
  child(fields: object): Logger;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/**
 * JSON lines on `destination` (default: standard error), every line redacted.
 * @param options.level  Least level that is written; default `info`.
 */
export function createLogger(options: { level?: LogLevel; destination?: DestinationStream } = {}): Logger {
  const target = options.destination ?? { write: (line: string) => void process.stderr.write(line) };
  return pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
    },
    // of what a host said, JSON itself leaves C1 controls and turned text as they are
    { write: (line: string) => target.write(printable(redactor.redact(line))) },
  );
}

/** Log nothing; for tests and tools. */
export const silentLogger: Logger = createLogger({ level: 'silent' });

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return {
    type: error.name,
    message: error.message,
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
