import { z } from 'zod';
import { conditionList, unjudged } from './conditions.ts';
import type { KindDefinition } from './kind.ts';
import type { KubeObject } from './meta.ts';
import { atomicList, integer, mapList, objectName, text, time, withRules } from './schema.ts';
import { Step } from './serverStatus.ts';

/** What can be done to a Server. */
export const operationTypes = [
  'Retry',
  'Approve',
  'ApproveHostKey',
  'TakeOver',
  'TestConnection',
  'Preflight',
  'Fix',
  'Reboot',
  'PowerOff',
  'Cleanup',
  'RunCommand',
] as const;
export type OperationType = (typeof operationTypes)[number];

/** Members that carry the parameters of one type each: required for it, forbidden otherwise. */
const parameterOf = { Approve: 'approve', ApproveHostKey: 'approveHostKey', RunCommand: 'runCommand' } as const;

const immutableFields = ['deadlineSeconds', 'captureOutput', ...Object.values(parameterOf)];

const ServerOperationSpec = withRules(
  z.object({
    serverRef: z.object({ name: objectName.describe('Name of the Server, in the same namespace.') }),
    type: z
      .enum(operationTypes)
      .describe(
        'Retry: leave Stalled and try again now. Approve: let the named plan run. ApproveHostKey: trust the key that the host offers, and the machine that offers it. TakeOver: take the host over from another Hostler or Server. TestConnection: log in anew. Preflight: check the host now. Fix: put right what preflight says Hostler can, also where management says Observe: install and start what is declared, group membership, and a sudo rule where sudo asks for a password. Reboot: restart it and see it come back whole. PowerOff: switch it off. Cleanup: remove dangling images, unused build cache and downloaded packages, never containers or volumes. RunCommand: run a script as root.',
      ),
    cancel: z
      .boolean()
      .optional()
      .describe(
        'True: do not run it; a RunCommand or Cleanup that runs is ended, a Reboot or PowerOff goes on. Default: false.',
      ),
    deadlineSeconds: integer(1, 86400)
      .optional()
      .describe('Seconds from creation within which it must have begun. Default: 3600.'),
    captureOutput: z
      .boolean()
      .optional()
      .describe(
        'Keep the last 256 KiB of what a RunCommand prints in a Secret owned by the operation; else nobody sees it. Default: false.',
      ),
    approve: z
      .object({
        planHash: z
          .string()
          .regex(/^sha256:[0-9a-f]{64}$/)
          .describe('status.planHash of the plan that is approved; another plan is not run.'),
      })
      .optional()
      .describe('Parameters of Approve.'),
    approveHostKey: z
      .object({
        fingerprint: z
          .string()
          .regex(/^SHA256:[A-Za-z0-9+/]{43}$/)
          .describe('Fingerprint of the key to trust, as ssh-keygen -lf prints it. Compare it on the host itself.'),
      })
      .optional()
      .describe('Parameters of ApproveHostKey.'),
    runCommand: z
      .object({
        script: z
          .string()
          .min(1)
          .max(65536)
          .describe('Run as root by its own sh. It is stored as written: put no secrets into it.'),
        timeoutSeconds: integer(1, 86400).optional().describe('Ended after this many seconds. Default: 600.'),
      })
      .optional()
      .describe('Parameters of RunCommand.'),
  }),
  [
    ...Object.entries(parameterOf).map(([type, member]) => ({
      rule: `(self.type == '${type}') == has(self.${member})`,
      message: `${member} is required for type ${type} and forbidden otherwise`,
    })),
    {
      rule: `self.type == oldSelf.type && self.serverRef == oldSelf.serverRef && ${immutableFields.map(unchanged).join(' && ')}`,
      message: 'spec is immutable except cancel; create another ServerOperation instead',
    },
    {
      rule: '!has(oldSelf.cancel) || !oldSelf.cancel || (has(self.cancel) && self.cancel)',
      message: 'cancel cannot be taken back',
      fieldPath: '.cancel',
    },
  ],
).describe('One act on one Server, run once.');

function unchanged(field: string): string {
  return `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`;
}

const DEFAULT_DEADLINE_SECONDS = 3600;

/** By when an operation must have begun: seconds from its creation, and that time in milliseconds since the epoch. */
export function deadlineOf({ metadata, spec }: ServerOperation): { seconds: number; at: number } {
  const { deadlineSeconds: seconds = DEFAULT_DEADLINE_SECONDS } = spec;
  const created = metadata.creationTimestamp === undefined ? Infinity : Date.parse(metadata.creationTimestamp);
  return { seconds, at: created + seconds * 1000 };
}

/** Whether an operation is for that Server, and not begun on another one that had its name. */
export function isFor({ status }: ServerOperation, serverUID: string | undefined): boolean {
  return status?.serverUID === undefined || status.serverUID === serverUID;
}

const operationPhases = ['Pending', 'Running', 'Succeeded', 'Failed', 'Cancelled', 'AlreadyRan'] as const;
export type OperationPhase = (typeof operationPhases)[number];

const finalPhases: readonly (OperationPhase | undefined)[] = ['Succeeded', 'Failed', 'Cancelled', 'AlreadyRan'];

/** Whether nothing more comes of an operation. */
export function isFinalPhase(phase: OperationPhase | undefined): boolean {
  return finalPhases.includes(phase);
}

const ServerOperationStatus = z.object({
  phase: z.enum(operationPhases).optional().describe('Where it stands.'),
  startTime: time.optional().describe('When it began.'),
  serverUID: text(64).optional().describe('UID of the Server that it began on; it goes on on no other of that name.'),
  completionTime: time.optional().describe('When it ended.'),
  steps: mapList(Step, 50).optional().describe('Its steps, in order.'),
  conditions: conditionList.optional().describe('State, aspect by aspect.'),
  message: text(2048).optional().describe('What came of it, for a person.'),
  outputSecretRef: z
    .object({ name: objectName.describe('Name of the Secret.') })
    .optional()
    .describe('Secret with the output, under the key output.'),
  bootIDs: atomicList(text(128), 10)
    .optional()
    .describe('Boot ids of the host: the one before a Reboot or PowerOff, then those seen since.'),
  before: z
    .object({
      failedUnits: atomicList(text(256), 100).describe('Units that had failed.'),
      containers: atomicList(text(256), 500).describe('Running containers that a start of the engine brings back.'),
    })
    .optional()
    .describe('How the host was before a Reboot or PowerOff.'),
});
export type ServerOperationStatus = z.infer<typeof ServerOperationStatus>;

/** One imperative act on a Server, like a Job; executed by the Server's own reconcile. */
export interface ServerOperation extends KubeObject {
  spec: z.infer<typeof ServerOperationSpec>;
  status?: ServerOperationStatus;
}

export const serverOperationKind = {
  kind: 'ServerOperation',
  plural: 'serveroperations',
  singular: 'serveroperation',
  shortNames: ['sop'],
  description: 'One act on one Server, run once: retry, approve, trust a host key, test, reboot, run a command …',
  schema: z.object({
    spec: ServerOperationSpec,
    status: ServerOperationStatus.describe('What came of it.').optional(),
  }),
  unseen: unjudged('OperationPending'),
  printerColumns: [
    { name: 'Server', type: 'string', jsonPath: '.spec.serverRef.name' },
    { name: 'Type', type: 'string', jsonPath: '.spec.type' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Message', type: 'string', jsonPath: '.status.message', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
} as const satisfies KindDefinition;
