import { randomBytes } from 'node:crypto';
import { open, readdir, realpath, rm, type FileHandle } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { META, type Tables } from './embeddedTables.ts';

/** The directory belongs to another running process. */
export class StoreInUseError extends Error {
  constructor(directory: string, owner: string) {
    super(
      `The data directory ${directory} is in use by ${owner}. ` +
        'Stop that process first, or start this one with another data directory.',
    );
    this.name = 'StoreInUseError';
  }
}

/** Directories that this process has open, by real path. */
const held = new Set<string>();

/** Longest path that fits into a socket address on all systems. */
const MAX_SOCKET_PATH = 100;

/**
 * Marks `directory` as opened by this process. A second opening by the same process would share, and by its closing
 * break, LMDB's file locks. Returns the release.
 * @throws StoreInUseError
 */
export async function holdInProcess(directory: string): Promise<() => void> {
  const path = await realpath(directory);
  if (held.has(path)) throw new StoreInUseError(directory, `this process (${process.pid})`);
  held.add(path);
  return () => void held.delete(path);
}

/**
 * Looks for a living owner without touching the store: opening it takes LMDB's write lock, and that may be held by
 * an owner that is frozen. Only {@link claim} decides.
 * @throws StoreInUseError
 */
export async function assertUnclaimed(directory: string): Promise<void> {
  const place = await SocketPlace.open(directory);
  try {
    for (const name of await readdir(directory)) {
      if (isOwnerSocket(name) && (await answers(place.path(name))))
        throw new StoreInUseError(directory, describe(name));
    }
  } finally {
    await place.close();
  }
}

/**
 * Makes this process the only one that writes to the store in `directory`. Returns the release.
 *
 * The owner listens on a Unix socket in the directory, whose name stands in the store: whoever can connect knows
 * that the owner lives (also a frozen one, also from another container), and the kernel closes the socket with
 * the process. A dead owner is replaced by compare-and-swap in a transaction, so only one successor wins.
 * @throws StoreInUseError
 */
export async function claim(directory: string, tables: Tables): Promise<() => Promise<void>> {
  const place = await SocketPlace.open(directory);
  const name = `owner-${process.pid}-${randomBytes(4).toString('hex')}.sock`;
  const server = await listen(place.path(name));
  const release = async (): Promise<void> => {
    await new Promise((resolve) => server.close(resolve));
    await place.close();
  };
  try {
    await replaceOwner({ directory, tables, place, name });
  } catch (error) {
    await release();
    throw error;
  }
  return release;
}

async function replaceOwner(context: {
  directory: string;
  tables: Tables;
  place: SocketPlace;
  name: string;
}): Promise<void> {
  const { directory, tables, place, name } = context;
  for (;;) {
    tables.root.resetReadTxn();
    const owner = tables.meta.get(META.owner)?.toString() ?? '';
    if (owner !== '' && (await answers(place.path(owner)))) {
      throw new StoreInUseError(directory, describe(owner));
    }
    const hasWon = tables.root.transactionSync(() => {
      if ((tables.meta.get(META.owner)?.toString() ?? '') !== owner) return false;
      void tables.meta.put(META.owner, Buffer.from(name));
      return true;
    });
    if (!hasWon) continue;
    if (owner !== '') await rm(join(directory, owner), { force: true });
    return;
  }
}

function isOwnerSocket(name: string): boolean {
  return name.startsWith('owner-') && name.endsWith('.sock');
}

function describe(owner: string): string {
  return `another process (${owner.split('-')[1] ?? 'unknown'})`;
}

/** Addresses of sockets in a directory whose path may be longer than a socket address. */
class SocketPlace {
  readonly #directory: string;
  readonly #handle: FileHandle | undefined;

  private constructor(directory: string, handle: FileHandle | undefined) {
    this.#directory = directory;
    this.#handle = handle;
  }

  static async open(directory: string): Promise<SocketPlace> {
    const isShort = Buffer.byteLength(join(directory, 'owner-4194304-00000000.sock')) <= MAX_SOCKET_PATH;
    return new SocketPlace(directory, isShort ? undefined : await open(directory, 'r'));
  }

  path(name: string): string {
    // Linux resolves the link itself, so the address stays short
    return this.#handle === undefined ? join(this.#directory, name) : `/proc/self/fd/${this.#handle.fd}/${name}`;
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }
}

async function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  server.unref();
  return server;
}

async function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => finish(true));
    const finish = (isAlive: boolean): void => {
      socket.destroy();
      resolve(isAlive);
    };
    // only these two say that nobody is there; anything else (a full backlog, no permission) is no proof
    socket.once('error', (error: NodeJS.ErrnoException) =>
      finish(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}
