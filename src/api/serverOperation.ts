import { z } from 'zod';
import { conditionList } from './conditions.ts';
import type { KindDefinition } from './kind.ts';
import type { KubeObject } from './meta.ts';
import { integer, mapList, objectName, text, time, withRules } from './schema.ts';
import { Step } from './serverStatus.ts';

const operationTypes = ['Retry', 'Approve', 'ApproveHostKey', 'TakeOver'] as const;
export type OperationType = (typeof operationTypes)[number];

const ServerOperationSpec = withRules(
  z.object({
    serverRef: z.object({ name: objectName.describe('Name of the Server, in the same namespace.') }),
    type: z
      .enum(operationTypes)
      .describe(
        'Retry: leave Stalled and try again now. Approve: let the named plan run. ApproveHostKey: trust the key that the host offers, and the machine that offers it. TakeOver: take the host over from another Hostler or Server.',
      ),
    cancel: z.boolean().optional().describe('True: do not run it, or stop it where that is safe. Default: false.'),
    deadlineSeconds: integer(1, 86400)
      .optional()
      .describe('Seconds from creation within which it must have begun. Default: 3600.'),
    captureOutput: z
      .boolean()
      .optional()
      .describe('Keep the output in a Secret owned by the operation. Default: false.'),
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
  }),
  [
    {
      rule: "(self.type == 'Approve') == has(self.approve)",
      message: 'approve is required for type Approve and forbidden otherwise',
    },
    {
      rule: "(self.type == 'ApproveHostKey') == has(self.approveHostKey)",
      message: 'approveHostKey is required for type ApproveHostKey and forbidden otherwise',
    },
    {
      rule: 'self.type == oldSelf.type && self.serverRef == oldSelf.serverRef && has(self.approve) == has(oldSelf.approve) && (!has(self.approve) || self.approve == oldSelf.approve) && has(self.approveHostKey) == has(oldSelf.approveHostKey) && (!has(self.approveHostKey) || self.approveHostKey == oldSelf.approveHostKey) && has(self.deadlineSeconds) == has(oldSelf.deadlineSeconds) && (!has(self.deadlineSeconds) || self.deadlineSeconds == oldSelf.deadlineSeconds) && has(self.captureOutput) == has(oldSelf.captureOutput) && (!has(self.captureOutput) || self.captureOutput == oldSelf.captureOutput)',
      message: 'spec is immutable except cancel; create another ServerOperation instead',
    },
    {
      rule: '!has(oldSelf.cancel) || !oldSelf.cancel || (has(self.cancel) && self.cancel)',
      message: 'cancel cannot be taken back',
      fieldPath: '.cancel',
    },
  ],
).describe('One act on one Server, run once.');

const operationPhases = ['Pending', 'Running', 'Succeeded', 'Failed', 'Cancelled', 'AlreadyRan'] as const;
export type OperationPhase = (typeof operationPhases)[number];

const ServerOperationStatus = z.object({
  phase: z.enum(operationPhases).optional().describe('Where it stands.'),
  startTime: time.optional().describe('When it began.'),
  completionTime: time.optional().describe('When it ended.'),
  steps: mapList(Step, 50).optional().describe('Its steps, in order.'),
  conditions: conditionList.optional().describe('State, aspect by aspect.'),
  message: text(2048).optional().describe('What came of it, for a person.'),
  outputSecretRef: z
    .object({ name: objectName.describe('Name of the Secret.') })
    .optional()
    .describe('Secret with the output.'),
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
  description: 'One act on one Server, run once: retry, approve, trust a host key, take over.',
  schema: z.object({
    spec: ServerOperationSpec,
    status: ServerOperationStatus.describe('What came of it.').optional(),
  }),
  printerColumns: [
    { name: 'Server', type: 'string', jsonPath: '.spec.serverRef.name' },
    { name: 'Type', type: 'string', jsonPath: '.spec.type' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Message', type: 'string', jsonPath: '.status.message', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
} as const satisfies KindDefinition;
