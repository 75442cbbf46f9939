import { readFileSync } from 'node:fs';
import type { ServerSpec } from '../../../src/api/serverSpec.ts';

type Docker = NonNullable<ServerSpec['docker']>;

/** Declared of every host: as in server.json, the recorded Server of the other benches. */
const recorded = JSON.parse(readFileSync(new URL('../server.json', import.meta.url), 'utf8')) as { spec: ServerSpec };

/** The one change in the middle, as a merge patch of spec.docker; the engine takes it over without a restart. */
export const CHANGED_DOCKER: Partial<Docker> = { daemonConfig: { 'max-concurrent-downloads': 4 } };

/** The spec of the Server at that address. */
export function specOf(address: string, port: number): ServerSpec {
  return {
    ...recorded.spec,
    addresses: [{ type: 'IPv4', address }],
    ssh: { port, user: 'root', auth: { privateKeySecretRef: { name: 'fleet' } } },
  };
}
