import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const INTERVAL_MS = 100;
/** A request without an answer by then is lost; a SYN that a restart swallowed is sent again after 1 s. */
const ANSWER_MS = 3_000;

/** What somebody outside noticed. */
export interface Watched {
  requests: number;
  /** Time of the request and why it was lost. */
  lost: string[];
  /** From the start of the first lost request to the start of the next one that was answered; 0: none was lost. */
  longestGapMs: number;
}

interface Outcome {
  at: number;
  problem?: string;
}

/** Asks `url` every 100 ms, each time by a new connection, until `stop` is called. */
export function watchRequests(url: string): { stop: () => Promise<Watched> } {
  const pending: Promise<Outcome>[] = [];
  const ended = new AbortController();
  const loop = (async () => {
    while (!ended.signal.aborted) {
      pending.push(request(url));
      await sleep(INTERVAL_MS);
    }
  })();
  return {
    stop: async () => {
      ended.abort();
      await loop;
      return summary(await Promise.all(pending));
    },
  };
}

function request(url: string): Promise<Outcome> {
  const at = Date.now();
  return new Promise((resolve) => {
    const asked = get(url, { agent: false, timeout: ANSWER_MS }, (response) => {
      response.resume();
      response.once('end', () =>
        resolve((response.statusCode ?? 500) < 500 ? { at } : { at, problem: `status ${response.statusCode ?? ''}` }),
      );
    });
    asked.once('timeout', () => asked.destroy(new Error('no answer in time')));
    asked.once('error', (error) => resolve({ at, problem: error.message }));
  });
}

function summary(outcomes: readonly Outcome[]): Watched {
  const lost = outcomes.filter(({ problem }) => problem !== undefined);
  let longestGapMs = 0;
  let since: number | undefined;
  for (const { at, problem } of outcomes) {
    if (problem !== undefined) since ??= at;
    else {
      longestGapMs = Math.max(longestGapMs, at - (since ?? at));
      since = undefined;
    }
  }
  if (since !== undefined) longestGapMs = Infinity;
  return {
    requests: outcomes.length,
    lost: lost.map(({ at, problem }) => `${new Date(at).toISOString()} ${problem ?? ''}`),
    longestGapMs,
  };
}
