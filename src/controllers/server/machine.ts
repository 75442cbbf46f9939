import { assign, initialTransition, setup, transition, type SnapshotFrom } from 'xstate';
import { lifecycleStates, maintenanceStates, type MachineSnapshot } from '../../api/serverStatus.ts';

/** Failed changes in a row before mutation stops (Stalled); observation goes on. */
export const MAX_ATTEMPTS = 5;
/** Version of what `status.machine` holds; raised when the meaning of a stored value changes. */
const SCHEMA = 1;

/** Facts, in the past tense. `look…` end an observation, `change…` end a mutation. */
export type ServerEvent =
  | { type: 'deleteRequested' }
  /** A run begins: time passed, or something asked for a look. */
  | { type: 'lookDue' }
  /** The user changed the object or asked for Retry: what was given up is tried again. */
  | { type: 'requestChanged' }
  /** The host was observed; `full` = with everything that is managed, not only its health. */
  | { type: 'observed'; full: boolean; updates: boolean; reboot: boolean }
  | { type: 'lookFailed' }
  /** Checked and compared: nothing to do. */
  | { type: 'conformed' }
  /** Something differs. `runnable`: at least one change may run now. `qualified`: the host is fit for a first set-up. */
  | { type: 'workFound'; runnable: boolean; qualified: boolean }
  /** Nothing can be done: a Required check fails that Hostler cannot fix, or what is declared cannot be had. */
  | { type: 'refused' }
  /** Every runnable change was made. */
  | { type: 'changesApplied' }
  /** A job runs on the host, or something else has to end first; the next run looks again. */
  | { type: 'waiting' }
  | { type: 'changeFailed'; terminal: boolean }
  | { type: 'removed' };

/** What phases.ts knows how to carry out. */
export type ServerCommand = 'observe' | 'check' | 'apply' | 'verify' | 'remove';

interface Context {
  attempts: number;
}

/**
 * Decides what to do with one Server; pure. It acts on nothing: transitions return commands, phases.ts runs them,
 * and each command's outcome comes back as the next event.
 * Region lifecycle: the first set-up and steady state. Region maintenance: what waits on the host.
 */
export const serverMachine = setup({
  types: {
    context: {} as Context,
    events: {} as ServerEvent,
    tags: {} as 'progressing' | 'stalled' | 'provisioning',
  },
  actions: {
    observe: () => undefined,
    check: () => undefined,
    apply: () => undefined,
    verify: () => undefined,
    remove: () => undefined,
    countAttempt: assign({ attempts: ({ context }) => context.attempts + 1 }),
    clearAttempts: assign({ attempts: 0 }),
  },
  guards: {
    full: ({ event }) => event.type === 'observed' && event.full,
    runnable: ({ event }) => event.type === 'workFound' && event.runnable,
    runnableAndQualified: ({ event }) => event.type === 'workFound' && event.runnable && event.qualified,
    hopeless: ({ context, event }) =>
      event.type === 'changeFailed' && (event.terminal || context.attempts + 1 >= MAX_ATTEMPTS),
    updates: ({ event }) => event.type === 'observed' && event.updates,
    reboot: ({ event }) => event.type === 'observed' && event.reboot,
  },
}).createMachine({
  id: 'server',
  type: 'parallel',
  context: { attempts: 0 },
  states: {
    lifecycle: {
      initial: 'Pending',
      on: { deleteRequested: '.Removing' },
      states: {
        Pending: {
          tags: 'progressing',
          on: { lookDue: 'Detecting', requestChanged: 'Detecting' },
        },
        Detecting: {
          tags: 'progressing',
          entry: 'observe',
          on: {
            lookDue: { target: 'Detecting', reenter: true },
            requestChanged: { target: 'Detecting', reenter: true, actions: 'clearAttempts' },
            observed: 'Checking',
          },
        },
        Checking: {
          tags: 'progressing',
          entry: 'check',
          on: {
            lookDue: 'Detecting',
            requestChanged: { target: 'Detecting', actions: 'clearAttempts' },
            conformed: { target: 'Active', actions: 'clearAttempts' },
            workFound: [{ guard: 'runnableAndQualified', target: 'Provisioning' }, { target: 'NeedsSetup' }],
            refused: 'NeedsSetup',
          },
        },
        NeedsSetup: {
          on: {
            lookDue: { actions: 'observe' },
            requestChanged: { target: 'Detecting', actions: 'clearAttempts' },
            observed: { guard: 'full', target: 'Checking' },
          },
        },
        Provisioning: {
          tags: ['progressing', 'provisioning'],
          entry: 'apply',
          on: {
            lookDue: { actions: 'observe' },
            requestChanged: { target: 'Detecting', actions: 'clearAttempts' },
            observed: { guard: 'full', actions: 'check' },
            conformed: { target: 'Active', actions: 'clearAttempts' },
            workFound: [
              { guard: 'runnableAndQualified', target: 'Provisioning', reenter: true },
              { target: 'NeedsSetup' },
            ],
            refused: 'NeedsSetup',
            changesApplied: { actions: 'verify' },
            changeFailed: [
              { guard: 'hopeless', target: 'Error', actions: 'countAttempt' },
              { actions: 'countAttempt' },
            ],
          },
        },
        Active: {
          on: {
            lookDue: { actions: 'observe' },
            requestChanged: { actions: ['clearAttempts', 'observe'] },
            observed: { guard: 'full', actions: 'check' },
            conformed: { actions: 'clearAttempts' },
            workFound: { guard: 'runnable', actions: 'apply' },
            changesApplied: { actions: 'verify' },
            changeFailed: [
              { guard: 'hopeless', target: 'Error', actions: 'countAttempt' },
              { actions: 'countAttempt' },
            ],
          },
        },
        Error: {
          tags: 'stalled',
          on: {
            lookDue: { actions: 'observe' },
            requestChanged: { target: 'Detecting', actions: 'clearAttempts' },
            observed: { guard: 'full', actions: 'check' },
            conformed: { target: 'Active', actions: 'clearAttempts' },
          },
        },
        Removing: {
          tags: 'progressing',
          entry: 'remove',
          on: {
            deleteRequested: { target: 'Removing', reenter: true },
            lookDue: { target: 'Removing', reenter: true },
          },
        },
      },
    },
    maintenance: {
      initial: 'UpToDate',
      on: {
        observed: [
          { guard: 'updates', target: '.UpdatePending' },
          { guard: 'reboot', target: '.RebootPending' },
          { target: '.UpToDate' },
        ],
      },
      states: {
        UpToDate: {},
        UpdatePending: {},
        RebootPending: {},
        // nothing leaves Held but a request: what a newer version stored must not be guessed at
        Held: {
          on: {
            observed: { target: 'Held' },
            requestChanged: 'UpToDate',
          },
        },
      },
    },
  },
});

export type ServerSnapshot = SnapshotFrom<typeof serverMachine>;

const COMMANDS: readonly string[] = ['observe', 'check', 'apply', 'verify', 'remove'] satisfies ServerCommand[];

/** One transition: the next snapshot and what to carry out, in order. */
export function next(
  snapshot: ServerSnapshot,
  event: ServerEvent,
): { snapshot: ServerSnapshot; commands: ServerCommand[] } {
  const [after, actions] = transition(serverMachine, snapshot, event);
  return { snapshot: after, commands: actions.map((action) => action.type).filter(isCommand) };
}

/**
 * The snapshot that `stored` describes. Distrustful: an unknown lifecycle restarts at Detecting, which only reads;
 * an unknown maintenance state is Held; attempts that are no count are 0.
 */
export function restore(stored: MachineSnapshot | undefined): ServerSnapshot {
  if (stored === undefined) return initialTransition(serverMachine)[0];
  const known = stored.schema === SCHEMA;
  return serverMachine.resolveState({
    value: {
      lifecycle: (known && lifecycleStates.find((state) => state === stored.lifecycle)) || 'Detecting',
      maintenance: (known && maintenanceStates.find((state) => state === stored.maintenance)) || 'Held',
    },
    context: { attempts: Number.isSafeInteger(stored.attempts) && stored.attempts > 0 ? stored.attempts : 0 },
  });
}

/** What `status.machine` keeps of a snapshot. */
export function persist(snapshot: ServerSnapshot): MachineSnapshot {
  return {
    schema: SCHEMA,
    lifecycle: snapshot.value.lifecycle,
    maintenance: snapshot.value.maintenance,
    attempts: snapshot.context.attempts,
  };
}

function isCommand(type: string): type is ServerCommand {
  return COMMANDS.includes(type);
}
