import type { Observation } from '../../host/observe.ts';

/** What one process remembers of a Server between runs. Losing it costs one full look, nothing else. */
export interface ServerMemory {
  /** Last full observation: carries the slow facts over. */
  observation: Observation | undefined;
  /** When it was made; milliseconds since the epoch. */
  fullLookAt: number | undefined;
  /** Key of the pooled session used last, while the Secret need not be read again. */
  sessionKey: string | undefined;
  /** Failed connections in a row. */
  /** UID of the operation that last told the host to restart or switch itself off, and when; ms since the epoch. */
  powerSent?: { operation: string | undefined; at: number };
  connectFailures: number;
}

/** Memories by Server UID. */
export class MemoryStore {
  readonly #byUid = new Map<string, ServerMemory>();

  /** The memory of that Server; empty at first. */
  of(uid: string): ServerMemory {
    let memory = this.#byUid.get(uid);
    if (memory === undefined) {
      memory = { observation: undefined, fullLookAt: undefined, sessionKey: undefined, connectFailures: 0 };
      this.#byUid.set(uid, memory);
    }
    return memory;
  }

  /** Drops what is known of a Server that is gone. */
  forget(uid: string): void {
    this.#byUid.delete(uid);
  }
}
