import { ApiConnectionError, ApiError, isAlreadyExists } from '../kube/apiError.ts';
import { systemClock } from '../lib/clock.ts';
import { findCause, messageOf } from '../lib/errors.ts';
import { CliError, exitCode } from './exitCodes.ts';
import { remark } from './output.ts';

const RETRY_MS = 500;

/**
 * Looks again and again until there is something to see, once at least. What is waited for goes on while the API is
 * away, so that this is no reason to end: whoever ran the command would run it again.
 * @returns what `look` returned; undefined when it returned nothing else in time.
 * @throws what `look` throws, unless the API did not answer or had an error of its own.
 */
export async function poll<T extends object>(
  look: () => Promise<T | undefined>,
  { everyMs, timeoutMs }: { everyMs: number; timeoutMs: number },
): Promise<T | undefined> {
  const until = systemClock.now() + timeoutMs;
  let away = false;
  do {
    try {
      const seen = await look();
      away = false;
      if (seen !== undefined) return seen;
    } catch (error) {
      if (!isAway(error)) throw error;
      if (!away) remark(`hostler: ${messageOf(error)}; still waiting`);
      away = true;
    }
    await systemClock.sleep(everyMs);
  } while (systemClock.now() < until);
  return undefined;
}

/** How long the API is asked again, and what stays undone when that was in vain, for a person. */
export interface Patience {
  patienceMs: number;
  undone: string;
}

/**
 * Does `act`, again while the API is away.
 * @throws what `act` throws otherwise; CliError failed  when the API stayed away, saying what is undone.
 */
export async function persist<T>(act: () => Promise<T>, { patienceMs, undone }: Patience): Promise<T> {
  let last: unknown;
  const look = async (): Promise<{ value: T }> => {
    try {
      return { value: await act() };
    } catch (error) {
      last = error;
      throw error;
    }
  };
  const done = await poll(look, { everyMs: RETRY_MS, timeoutMs: patienceMs });
  if (done !== undefined) return done.value;
  throw new CliError(exitCode.failed, `${messageOf(last)}; ${undone}`);
}

/**
 * Creates something, again while the API is away.
 * @returns whether it was created now; false: it was there when it was tried again, as a lost answer leaves it.
 * @throws as {@link persist}; AlreadyExists when it was there from the start.
 */
export async function createOnce(create: () => Promise<unknown>, patience: Patience): Promise<boolean> {
  let isAgain = false;
  return persist(async () => {
    try {
      await create();
      return true;
    } catch (error) {
      if (isAgain && isAlreadyExists(error)) return false;
      isAgain = true;
      throw error;
    }
  }, patience);
}

function isAway(error: unknown): boolean {
  return findCause(error, ApiConnectionError) !== undefined || (findCause(error, ApiError)?.code ?? 0) >= 500;
}
