import type { Logger } from '../lib/logger.ts';

/** Runs `act` with a signal that aborts on SIGINT and SIGTERM. */
export async function untilAskedToStop<T>(log: Logger, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    log.info({ signal }, 'asked to stop');
    stop.abort(new DOMException(`received ${signal}`, 'AbortError'));
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    return await act(stop.signal);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}
