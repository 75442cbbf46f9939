/** As of a process that the signal itself ends: 128 and its number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Lets signals end this process whenever no command handles them, also as the first process of a container, which the
 * kernel spares: `docker stop` would wait for its whole grace period, and Ctrl-C do nothing.
 */
export function endBySignals(): void {
  if (process.pid !== 1) return;
  for (const [signal, code] of Object.entries(EXIT_CODES)) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(code);
    });
  }
}
