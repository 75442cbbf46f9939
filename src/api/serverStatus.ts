import { z } from 'zod';
import { conditionList } from './conditions.ts';
import { areas, disruptions } from './serverSpec.ts';
import { atomicList, integer, mapList, setList, text, time } from './schema.ts';

const count = integer(0, Number.MAX_SAFE_INTEGER);
/** Longest version in `components`: a proxy's has its type, and what it runs may say no release but only its image. */
export const COMPONENT_MAX = 256;
/** Most changes that the status shows of a plan; no approval covers what is not shown. */
export const MAX_PENDING_CHANGES = 100;
const severities = ['Required', 'Warning'] as const;

const OperationRecord = z.object({
  name: text(253).describe('Name of the ServerOperation.'),
  uid: text(64).describe('Its UID.'),
  type: text(63).describe('Its type.'),
  startTime: time.describe('When it began.'),
});
export type OperationRecord = z.infer<typeof OperationRecord>;

export const SystemInfo = z.object({
  hostname: text(253).optional().describe('Name the machine gives itself.'),
  osID: text(64).optional().describe('ID of os-release. Example: debian.'),
  osName: text(256).optional().describe('PRETTY_NAME of os-release.'),
  osVersion: text(64).optional().describe('VERSION_ID of os-release. Example: 12.'),
  osCodename: text(64).optional().describe('VERSION_CODENAME of os-release. Example: bookworm.'),
  kernelVersion: text(256).optional().describe('uname -r.'),
  architecture: text(64).optional().describe('Debian or uname name of the CPU architecture. Example: amd64.'),
  packageManager: z.enum(['apt', 'dnf', 'yum', 'apk', 'pacman', 'none']).optional().describe('Package manager found.'),
  initSystem: z.enum(['systemd', 'openrc', 'sysvinit', 'unknown']).optional().describe('Init system found.'),
  dockerVersion: text(64).optional().describe('Version the running engine reports.'),
  containersRunning: count.optional().describe('Running containers at the last look that changed something.'),
});
export type SystemInfo = z.infer<typeof SystemInfo>;

const Resources = z.object({
  cpu: text(64).optional().describe('Cores, as a quantity.'),
  memory: text(64).optional().describe('Memory, as a quantity.'),
  disk: text(64).optional().describe('Disk of the file system that holds /var/lib, as a quantity.'),
  environments: count.optional().describe('Environments that fit.'),
});

export const Check = z.object({
  name: text(63).describe('Name of the check.'),
  severity: z.enum(severities).describe('Required checks decide Qualified; a Warning never does.'),
  result: z.enum(['Pass', 'Warn', 'Fail']).describe('Outcome.'),
  fixable: z.boolean().describe('True when Hostler can put it right itself.'),
  reason: text(1024).describe('Why, as one word.'),
  message: text(2048).describe('What was found and what would fix it.'),
  lastTransitionTime: time.describe('When result last changed.'),
});
export type Check = z.infer<typeof Check>;

const stepStates = ['Pending', 'Running', 'Succeeded', 'Failed', 'Skipped'] as const;
export const Step = z.object({
  name: text(128).describe('Name of the step. Example: hook/warm-up.'),
  state: z.enum(stepStates).describe('Where it stands.'),
  reason: text(1024).optional().describe('Why, as one word.'),
  message: text(2048).optional().describe('What happened, for a person.'),
  startTime: time.optional().describe('When the last attempt began.'),
  completionTime: time.optional().describe('When the last attempt ended.'),
  attempts: count.describe('How often it was begun.'),
});
export type Step = z.infer<typeof Step>;

export const PendingChange = z.object({
  name: text(128).describe('Stable name of the change. Example: docker-engine/package.'),
  area: z.enum(areas).describe('Area it belongs to.'),
  what: text(512).describe('What would change.'),
  from: text(1024).optional().describe('What is there now; secrets as digests.'),
  to: text(1024).optional().describe('What would be there; secrets as digests.'),
  why: text(1024).describe('Which field asks for it.'),
  disruption: z.enum(disruptions).describe('What it does to what runs on the host.'),
  expectedGapSeconds: count.describe('Longest interruption to expect.'),
  waitingFor: z.enum(['Approval', 'Window', 'Nothing', 'Management']).describe('What holds it back.'),
});
export type PendingChange = z.infer<typeof PendingChange>;

const ApprovedChange = z.object({
  name: text(128).describe('Name of the change.'),
  digest: text(80).describe('Digest of the change as it was shown; one that differs in anything is not approved.'),
});
export type ApprovedChange = z.infer<typeof ApprovedChange>;

export const JobRecord = z.object({
  name: text(63).describe('Job id.'),
  change: text(128).describe('Name of the change it carries out.'),
  attempt: count.describe('Number of the attempt, written before the start.'),
  bootID: text(64).optional().describe('Boot in which it was started.'),
  startTime: time.describe('When it was started.'),
});
export type JobRecord = z.infer<typeof JobRecord>;

const Confirmation = z.object({
  name: text(128).describe('Name of the change. Example: sshd/config.'),
  id: text(63).describe('Id of the last try, under which the host keeps what it would take back.'),
  attempts: count.describe('Tries that the host took back, the one under way included; counted before each try.'),
  state: z
    .enum(['Pending', 'RolledBack'])
    .describe('Pending until a new login has proven the change, or the host has taken it back.'),
  startTime: time.describe('When the last try began.'),
});
export type Confirmation = z.infer<typeof Confirmation>;

const HostKeyStatus = z.object({
  type: text(64).describe('Key type. Example: ssh-ed25519.'),
  fingerprint: text(128).describe('SHA256 fingerprint as ssh-keygen prints it.'),
  trusted: z.boolean().describe('True when the KnownHost holds it.'),
});

const BundleVersion = z.object({
  uid: text(64).describe('Its metadata.uid.'),
  generation: count.describe('Its metadata.generation.'),
});

export const lifecycleStates = [
  'Pending',
  'Detecting',
  'Checking',
  'NeedsSetup',
  'Provisioning',
  'Active',
  'Error',
  'Removing',
] as const;
export const maintenanceStates = ['UpToDate', 'UpdatePending', 'RebootPending', 'Held'] as const;

export const MachineSnapshot = z.object({
  schema: integer(1, 1000).describe('Version of this snapshot.'),
  lifecycle: text(64).describe('State of region Lifecycle.'),
  maintenance: text(64).describe('State of region Maintenance.'),
  attempts: count.describe('Failed attempts since the last success.'),
});
export type MachineSnapshot = z.infer<typeof MachineSnapshot>;

const summaries = ['Pending', 'Provisioning', 'Active', 'Degraded', 'Unreachable', 'Error', 'Removing'] as const;
export type Summary = (typeof summaries)[number];

export const ServerStatus = z
  .object({
    observedGeneration: integer(-1, Number.MAX_SAFE_INTEGER)
      .optional()
      .describe('metadata.generation that the last run started from; -1 before the first one.'),
    observedBundle: BundleVersion.optional().describe('The ArtifactBundle that the last run started from.'),
    appliedGeneration: count.optional().describe('Last metadata.generation that converged.'),
    summary: z.enum(summaries).optional().describe('One word for display; decide on conditions.'),
    conditions: conditionList.optional().describe('State, aspect by aspect.'),
    address: text(300).optional().describe('The address and port that answered last.'),
    knownHost: text(600).optional().describe('The KnownHost that the last login was held against.'),
    systemInfo: SystemInfo.optional().describe('What the machine is.'),
    capacity: Resources.optional().describe('What the machine has.'),
    allocatable: Resources.optional().describe('What workloads may use: capacity less reserved.'),
    components: mapList(
      z.object({
        name: text(63).describe('Component. Example: docker-engine.'),
        desired: text(COMPONENT_MAX).optional().describe('Declared version.'),
        current: text(COMPONENT_MAX).optional().describe('Version found.'),
        held: z.boolean().optional().describe('The package manager keeps it at this version.'),
        available: text(COMPONENT_MAX)
          .optional()
          .describe('Newest version inside the declared range that the host offers.'),
      }),
      50,
    )
      .optional()
      .describe('Versions of what is managed.'),
    identity: z
      .object({
        machineID: text(64).optional().describe('/etc/machine-id.'),
        bootID: text(64).optional().describe('Id of the current boot.'),
      })
      .optional()
      .describe('Which machine and which boot was seen.'),
    hostKeys: mapList(HostKeyStatus, 10, ['type']).optional().describe('Keys the host offered.'),
    auth: z
      .object({
        current: z
          .enum(['PrivateKey', 'Password', 'Bootstrap'])
          .optional()
          .describe('Which credential the last successful login used.'),
        acceptedVersion: text(80)
          .optional()
          .describe('Digest of the reference versions that were accepted last; no secret.'),
        attemptedVersion: text(80)
          .optional()
          .describe('Digest of the reference versions that failures counts; no secret.'),
        failures: count.optional().describe('Rejected logins with attemptedVersion; written before each try.'),
        lastAttemptTime: time.optional().describe('When the last counted login was tried.'),
      })
      .optional()
      .describe('The login.'),
    qualification: z
      .object({
        result: z.enum(['Qualified', 'NeedsSetup', 'Unqualified']).describe('Outcome of the preflight.'),
        checks: mapList(Check, 30).optional().describe('The checks.'),
        passed: count.describe('Checks that passed.'),
        failed: count.describe('Checks that failed.'),
        warnings: count.describe('Checks that warned.'),
        lastCheckTime: time.describe('When the checks last ran; moves with another change or every 6 hours.'),
      })
      .optional()
      .describe('The preflight.'),
    health: z
      .object({
        state: z
          .enum(['Healthy', 'Degraded', 'Unhealthy', 'Unknown', 'AuthFailed', 'Unreachable'])
          .describe('One word for display.'),
        failures: count.optional().describe('Failed connections in a row, up to the two that make Reachable False.'),
      })
      .optional()
      .describe('Health in one word.'),
    updates: z
      .object({
        pending: count.optional().describe('Packages with a newer version.'),
        security: count.optional().describe('Of these, from a security suite.'),
        needsReboot: z.boolean().optional().describe('The machine asks for a reboot.'),
        rebootReasons: setList(text(128), 20).optional().describe('Why.'),
        state: text(64).optional().describe('Aggregated update state.'),
        recommendedAction: text(64).optional().describe('None | Update | Reboot.'),
      })
      .optional()
      .describe('Updates and reboots that wait.'),
    pendingChanges: mapList(PendingChange, MAX_PENDING_CHANGES)
      .optional()
      .describe('The plan: what would be changed, in order.'),
    planHash: text(80).optional().describe('Hash of the plan; what ServerOperation Approve names.'),
    approvedPlanHash: text(80)
      .optional()
      .describe('Hash of the plan that was approved, while any of approvedChanges is still to be made.'),
    approvedChanges: mapList(ApprovedChange, MAX_PENDING_CHANGES)
      .optional()
      .describe('Changes of the approved plan that are still to be made; everything else asks.'),
    provisioning: z
      .object({ steps: mapList(Step, 50).optional().describe('The steps, in order.') })
      .optional()
      .describe('The first set-up, step by step.'),
    machine: MachineSnapshot.optional().describe("The controller's state machine; nothing that can be observed."),
    jobs: mapList(JobRecord, 20).optional().describe('Jobs that run on the host.'),
    confirmations: mapList(Confirmation, 20)
      .optional()
      .describe('Changes that could lock Hostler out and are not proven, or were taken back by the host.'),
    operations: atomicList(OperationRecord, 50)
      .optional()
      .describe('The last operations that changed the host; none of their names runs again.'),
    hooksRun: atomicList(text(63), 20).optional().describe('Hooks that ran; each runs once.'),
  })
  .describe('Observed state; written by the Server controller only.');
export type ServerStatus = z.infer<typeof ServerStatus>;
