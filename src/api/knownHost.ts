import { z } from 'zod';
import { conditionList } from './conditions.ts';
import type { KindDefinition } from './kind.ts';
import type { KubeObject } from './meta.ts';
import { integer, mapList, objectName, text, time } from './schema.ts';

export const HostKey = z.object({
  type: text(64).describe('Key type as SSH names it. Example: ssh-ed25519.'),
  publicKey: text(4096).describe('The public key, base64, as in known_hosts.'),
});
export type HostKey = z.infer<typeof HostKey>;

const KnownHostSpec = z.object({
  address: z
    .string()
    .min(1)
    .max(253)
    .describe(
      'Address the keys belong to. The object is found by its name, ADDRESS-PORT or ADDRESS-PORT.via.JUMPHOST. Example: 203.0.113.10.',
    ),
  port: integer(1, 65535).describe('TCP port of sshd. Example: 22.'),
  via: objectName
    .optional()
    .describe(
      'Server through which the address is reached, the last of spec.ssh.jumpHosts: the same private address behind another one is another machine. Absent: directly.',
    ),
  keys: mapList(HostKey, 10, ['type']).min(1).describe('The trusted keys, at most one of each type.'),
  machineID: text(64)
    .optional()
    .describe('/etc/machine-id of the machine that was trusted; another one is not, though it has the same keys.'),
});

const KnownHostStatus = z.object({
  firstSeen: time.optional().describe('When the keys were trusted first.'),
  offeredKeys: mapList(HostKey, 10, ['type'])
    .optional()
    .describe('Keys that the host offered and that are not trusted; ServerOperation ApproveHostKey trusts them.'),
  conditions: conditionList.optional().describe('State, aspect by aspect.'),
});

/** The host keys trusted for one address and port: ssh's known_hosts as an object. Survives the Server. */
export interface KnownHost extends KubeObject {
  spec: z.infer<typeof KnownHostSpec>;
  status?: z.infer<typeof KnownHostStatus>;
}

export const knownHostKind = {
  kind: 'KnownHost',
  plural: 'knownhosts',
  singular: 'knownhost',
  shortNames: ['kh'],
  description: "The host keys trusted for an address: ssh's known_hosts as an object. It survives the Server.",
  schema: z.object({
    spec: KnownHostSpec.describe('What is trusted.'),
    status: KnownHostStatus.describe('What was seen.').optional(),
  }),
  printerColumns: [
    { name: 'Address', type: 'string', jsonPath: '.spec.address' },
    { name: 'Port', type: 'integer', jsonPath: '.spec.port' },
    { name: 'Types', type: 'string', jsonPath: '.spec.keys[*].type' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
} as const satisfies KindDefinition;

/**
 * Name of the KnownHost of an address: DNS-safe address, `-`, port, and `.via.` with the last jump host where there is
 * one. Example: `203.0.113.10-22`, `2001-db8--1-22`, `10.0.0.5-22.via.bastion`.
 */
export function knownHostName(address: string, port: number, via?: string): string {
  const safe = address
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
    .replace(/\.[^a-z0-9]+/g, '.')
    .replace(/[^a-z0-9]+\./g, '.');
  return `${safe || 'host'}-${port}${via === undefined ? '' : `.via.${via}`}`;
}
