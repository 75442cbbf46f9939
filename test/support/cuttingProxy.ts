import { connect as dial, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP proxy that cuts its connection after a number of bytes towards client and server together, or freezes. */
export class CuttingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: { host: string; port: number };
  #left = Number.POSITIVE_INFINITY;
  #heals = false;
  #frozen = false;
  /** Bytes carried so far, both ways. */
  carried = 0;

  private constructor(target: { host: string; port: number }) {
    this.#target = target;
    this.#server = createServer((client) => this.#carry(client));
  }

  static async start(target: { host: string; port: number }): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /**
   * Carries `bytes` more, then resets both ends.
   * @param options.heals  Later connections are carried again; else each is cut as soon as it says something.
   */
  cutAfter(bytes: number, { heals = false }: { heals?: boolean } = {}): void {
    this.#left = bytes;
    this.#heals = heals;
  }

  /** Nothing passes any more, nothing is closed: a cable pulled, or a firewall that drops. */
  freeze(): void {
    this.#frozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** What was held back passes now. */
  thaw(): void {
    this.#frozen = false;
    for (const socket of this.#sockets) socket.resume();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #carry(client: Socket): void {
    const server = dial(this.#target);
    const end = (): void => {
      client.resetAndDestroy();
      server.resetAndDestroy();
      for (const socket of [client, server]) this.#sockets.delete(socket);
    };
    const cut = (): void => {
      end();
      if (this.#heals && this.#left <= 0) this.#left = Number.POSITIVE_INFINITY;
    };
    const pass = (from: Socket, to: Socket): void => {
      this.#sockets.add(from);
      from.on('error', end).on('close', end);
      from.on('data', (chunk: Buffer) => {
        const part = chunk.subarray(0, Math.max(0, this.#left));
        this.#left -= part.length;
        this.carried += part.length;
        if (part.length > 0) to.write(part);
        if (this.#left <= 0) setTimeout(cut, 20);
      });
      if (this.#frozen) from.pause();
    };
    pass(client, server);
    pass(server, client);
  }
}
