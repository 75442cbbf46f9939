import { PassThrough, type Duplex } from 'node:stream';
import { FakeSession } from '../../support/fakeSession.ts';
import type { Connection } from '../../../src/ssh/session.ts';

/** A connection without a host: alive until it is closed or broken. */
export class FakeConnection extends FakeSession implements Connection {
  override readonly closed: Promise<Error | undefined>;
  readonly tunnels: Duplex[] = [];
  #end: (error: Error | undefined) => void = () => undefined;

  constructor() {
    super({ '*': () => 'ran' }, {});
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  override tunnel(): Promise<never> {
    const stream = new PassThrough();
    this.tunnels.push(stream);
    return Promise.resolve(stream as never);
  }

  close(): void {
    this.break(undefined);
  }

  break(error: Error | undefined): void {
    this.alive = false;
    this.#end(error);
  }
}
