import { readFile } from 'node:fs/promises';
import { connect } from '../../src/ssh/connect.ts';
import type { Connection } from '../../src/ssh/session.ts';

/** Logs in by key, with whatever key the host has. */
export async function logIn(options: {
  address: string;
  port?: number;
  user?: string;
  keyFile: string;
  privilege?: 'Auto' | 'None';
}): Promise<Connection> {
  const privateKey = await readFile(options.keyFile, 'utf8');
  return connect({
    addresses: [{ type: 'IPv4', address: options.address }],
    port: options.port ?? 22,
    user: options.user ?? 'root',
    trust: () => ({ keys: [], policy: 'TrustOnFirstUse', store: () => Promise.resolve() }),
    credential: () => Promise.resolve({ kind: 'key', privateKey }),
    privilege: { mode: options.privilege ?? 'Auto' },
  });
}
