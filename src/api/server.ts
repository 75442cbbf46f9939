import { z } from 'zod';
import type { KubeObject } from './meta.ts';
import type { KindDefinition } from './kind.ts';
import { ServerSpec } from './serverSpec.ts';
import { ServerStatus } from './serverStatus.ts';

/** One machine: how to reach it and what it should be. */
export interface Server extends KubeObject {
  spec: ServerSpec;
  status?: ServerStatus;
}

export const serverKind = {
  kind: 'Server',
  plural: 'servers',
  singular: 'server',
  shortNames: ['srv'],
  description: 'One Linux machine that you own: how to reach it over SSH and what it should be.',
  schema: z.object({ spec: ServerSpec, status: ServerStatus.optional() }),
  unseen: { observedGeneration: -1 },
  printerColumns: [
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Status', type: 'string', jsonPath: '.status.summary' },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
    { name: 'Address', type: 'string', jsonPath: '.status.address' },
    { name: 'Docker', type: 'string', jsonPath: '.status.systemInfo.dockerVersion' },
    { name: 'OS', type: 'string', jsonPath: '.status.systemInfo.osName', priority: 1 },
    { name: 'Qualified', type: 'string', jsonPath: '.status.conditions[?(@.type=="Qualified")].status', priority: 1 },
    { name: 'In-Sync', type: 'string', jsonPath: '.status.conditions[?(@.type=="InSync")].status', priority: 1 },
    { name: 'Updates', type: 'integer', jsonPath: '.status.updates.pending', priority: 1 },
    { name: 'Reboot', type: 'string', jsonPath: '.status.conditions[?(@.type=="RebootPending")].status', priority: 1 },
    { name: 'Message', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].message', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
} as const satisfies KindDefinition;
