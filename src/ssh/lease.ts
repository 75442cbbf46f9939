import type { Duplex } from 'node:stream';
import type { PoolEntry } from './poolEntry.ts';
import type { Connection, PooledSession } from './session.ts';

/** One holder's share of a session. */
export class Lease implements PooledSession {
  readonly #entry: PoolEntry;
  readonly #connection: Connection;
  #released = false;

  constructor(entry: PoolEntry) {
    if (entry.connection === undefined) throw new Error('a session was leased before it was open');
    this.#entry = entry;
    this.#connection = entry.connection;
  }

  get login() {
    return this.#connection.login;
  }

  get alive() {
    return this.#connection.alive;
  }

  get closed() {
    return this.#connection.closed;
  }

  get privilege() {
    return this.#connection.privilege;
  }

  get privilegeFailure() {
    return this.#connection.privilegeFailure;
  }

  get peer() {
    return this.#connection.peer;
  }

  run(...args: Parameters<Connection['run']>): ReturnType<Connection['run']> {
    return this.#released ? Promise.reject(misuse()) : this.#connection.run(...args);
  }

  recheckPrivilege(...args: Parameters<Connection['recheckPrivilege']>): Promise<void> {
    return this.#released ? Promise.reject(misuse()) : this.#connection.recheckPrivilege(...args);
  }

  async tunnel(address: string, port: number, signal?: AbortSignal): Promise<Duplex> {
    if (this.#released) throw misuse();
    const entry = this.#entry;
    entry.hold();
    try {
      const stream = await this.#connection.tunnel(address, port, signal);
      stream.once('close', () => entry.leave());
      return stream;
    } catch (error) {
      entry.leave();
      throw error;
    }
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#entry.leave();
  }
}

function misuse(): Error {
  return new Error('a session was used after its release');
}
