import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DATA_DIR, isMissing } from './support.ts';

/** One server that the quickstart works on, and what has to be removed with it. */
export type Entry =
  | { kind: 'sandbox'; serverName: string; fleet: string; booted: boolean }
  | { kind: 'host'; serverName: string; where: string }
  | { kind: 'local'; serverName: string; sshdPid?: number; port?: number; madeRunDirectory: boolean };

/** What has to be removed again; each part is written before it is made, or as soon as it has a number. */
export interface State {
  servePid?: number;
  servers: Entry[];
  /** Debian packages that were installed on this machine; they are kept, but not kept secret. */
  packages?: string[];
}

const STATE = join(DATA_DIR, 'quickstart.json');

/** What earlier runs left. */
export async function readState(): Promise<State> {
  try {
    return JSON.parse(await readFile(STATE, 'utf8')) as State;
  } catch (error) {
    if (isMissing(error)) return { servers: [] };
    throw error;
  }
}

/** Remembers a server, in place of the one of the same name. */
export async function remember(entry: Entry): Promise<void> {
  const state = await readState();
  await write({ ...state, servers: [...state.servers.filter((one) => one.serverName !== entry.serverName), entry] });
}

/** Remembers Debian packages that are about to be installed. */
export async function rememberPackages(packages: readonly string[]): Promise<void> {
  if (packages.length === 0) return;
  const state = await readState();
  await write({ ...state, packages: [...new Set([...(state.packages ?? []), ...packages])] });
}

/** Remembers the process of the control plane. */
export async function rememberServe(servePid: number): Promise<void> {
  await write({ ...(await readState()), servePid });
}

async function write(state: State): Promise<void> {
  await mkdir(DATA_DIR, { recursive: true, mode: 0o700 });
  await writeFile(`${STATE}.new`, JSON.stringify(state, undefined, 2), { mode: 0o600 });
  await rename(`${STATE}.new`, STATE);
}
