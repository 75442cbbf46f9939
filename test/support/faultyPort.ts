import { createServer, connect, type Server, type Socket } from 'node:net';

/** What goes wrong with connections that are made from now on. */
export interface PortFaults {
  /** The port accepts and says nothing, closes at once, or says this text and closes. */
  greeting?: 'silent' | 'close' | { text: string };
  /** The link is cut, without a farewell, after so many bytes from the server. */
  cutAfterServerBytes?: number;
  /** The link is cut after so many bytes from the client. */
  cutAfterClientBytes?: number;
  /** Milliseconds that every chunk is late, each way. */
  delayMs?: number;
}

/** A TCP port on loopback in front of another one, with faults that tests switch on and off. */
export class FaultyPort {
  /** For connections made from now on. */
  faults: PortFaults = {};
  /** Connections accepted so far. */
  connections = 0;
  /** The most that were open at one time. */
  peak = 0;
  readonly #server: Server;
  readonly #target: number;
  readonly #open = new Set<Socket>();
  #frozen = false;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async to(target: number): Promise<FaultyPort> {
    const port = new FaultyPort(target);
    await new Promise<void>((resolve, reject) => {
      port.#server.once('error', reject);
      port.#server.listen(0, '127.0.0.1', resolve);
    });
    return port;
  }

  get port(): number {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the port is closed');
    return address.port;
  }

  /** Connections open now. */
  get open(): number {
    return this.#open.size / 2;
  }

  /** Nothing passes any more, nothing is closed: a frozen host, or a firewall that drops. */
  freeze(): void {
    this.#frozen = true;
    for (const socket of this.#open) socket.pause();
  }

  thaw(): void {
    this.#frozen = false;
    for (const socket of this.#open) socket.resume();
  }

  /** Cuts all links at once. */
  cut(): void {
    for (const socket of this.#open) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    this.connections += 1;
    const { greeting, cutAfterServerBytes, cutAfterClientBytes, delayMs = 0 } = this.faults;
    client.on('error', () => undefined);
    if (greeting !== undefined) {
      this.#track(client);
      if (typeof greeting === 'object') client.resume().end(greeting.text);
      else if (greeting === 'close') client.destroy();
      return;
    }
    const server = connect(this.#target, '127.0.0.1');
    client.setNoDelay(true);
    server.setNoDelay(true);
    for (const socket of [client, server]) this.#track(socket);
    this.peak = Math.max(this.peak, this.open);
    const cut = (): void => {
      client.resetAndDestroy();
      server.resetAndDestroy();
    };
    carry(server, client, { limit: cutAfterServerBytes, delayMs, cut });
    carry(client, server, { limit: cutAfterClientBytes, delayMs, cut });
  }

  #track(socket: Socket): void {
    this.#open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#open.delete(socket));
    if (this.#frozen) socket.pause();
  }
}

function carry(from: Socket, to: Socket, how: { limit: number | undefined; delayMs: number; cut: () => void }): void {
  let left = how.limit ?? Number.POSITIVE_INFINITY;
  const later = (act: () => void): void => {
    if (how.delayMs === 0) act();
    else setTimeout(act, how.delayMs);
  };
  from.on('data', (chunk: Buffer) => {
    const passed = chunk.subarray(0, Math.min(chunk.length, left));
    left -= passed.length;
    const last = left <= 0;
    later(() => {
      if (to.destroyed) return;
      if (!last) to.write(passed);
      else to.write(passed, () => setImmediate(how.cut));
    });
  });
  from.on('end', () => later(() => to.end()));
  from.on('close', () => later(() => to.destroy()));
}
