import { getShortestPaths } from 'xstate/graph';
import { describe, expect, it } from 'vitest';
import { lifecycleStates, maintenanceStates } from '../../../../src/api/serverStatus.ts';
import {
  MAX_ATTEMPTS,
  next,
  persist,
  restore,
  serverMachine,
  type ServerEvent,
} from '../../../../src/controllers/server/machine.ts';

const observed: ServerEvent = { type: 'observed', full: true, updates: false, reboot: false };
const work: ServerEvent = { type: 'workFound', runnable: true, qualified: true };
const blocked: ServerEvent = { type: 'workFound', runnable: false, qualified: true };
const unfit: ServerEvent = { type: 'workFound', runnable: true, qualified: false };
const failed: ServerEvent = { type: 'changeFailed', terminal: false };

const events: ServerEvent[] = [
  { type: 'deleteRequested' },
  { type: 'lookDue' },
  { type: 'requestChanged' },
  observed,
  { ...observed, full: false },
  { ...observed, updates: true },
  { ...observed, reboot: true },
  { type: 'lookFailed' },
  { type: 'conformed' },
  work,
  blocked,
  unfit,
  { type: 'refused' },
  { type: 'changesApplied' },
  { type: 'waiting' },
  failed,
  { type: 'changeFailed', terminal: true },
  { type: 'removed' },
];

const at = (lifecycle: string, attempts = 0, maintenance = 'UpToDate') =>
  restore({ schema: 1, lifecycle, maintenance, attempts });

describe('the server machine', () => {
  it.each([
    { from: 'Pending', event: { type: 'lookDue' }, to: 'Detecting', commands: ['observe'] },
    { from: 'Detecting', event: observed, to: 'Checking', commands: ['check'] },
    { from: 'Detecting', event: { type: 'lookFailed' }, to: 'Detecting', commands: [] },
    { from: 'Checking', event: { type: 'conformed' }, to: 'Active', commands: [] },
    { from: 'Checking', event: work, to: 'Provisioning', commands: ['apply'] },
    { from: 'Checking', event: unfit, to: 'NeedsSetup', commands: [] },
    { from: 'Active', event: unfit, to: 'Active', commands: ['apply'] },
    { from: 'Checking', event: blocked, to: 'NeedsSetup', commands: [] },
    { from: 'Checking', event: { type: 'refused' }, to: 'NeedsSetup', commands: [] },
    { from: 'NeedsSetup', event: { type: 'lookDue' }, to: 'NeedsSetup', commands: ['observe'] },
    { from: 'NeedsSetup', event: observed, to: 'Checking', commands: ['check'] },
    { from: 'NeedsSetup', event: { ...observed, full: false }, to: 'NeedsSetup', commands: [] },
    { from: 'Provisioning', event: { type: 'changesApplied' }, to: 'Provisioning', commands: ['verify'] },
    { from: 'Provisioning', event: work, to: 'Provisioning', commands: ['apply'] },
    { from: 'Provisioning', event: { type: 'waiting' }, to: 'Provisioning', commands: [] },
    { from: 'Provisioning', event: failed, to: 'Provisioning', commands: [] },
    { from: 'Provisioning', event: { type: 'changeFailed', terminal: true }, to: 'Error', commands: [] },
    { from: 'Active', event: { type: 'lookDue' }, to: 'Active', commands: ['observe'] },
    { from: 'Active', event: observed, to: 'Active', commands: ['check'] },
    { from: 'Active', event: work, to: 'Active', commands: ['apply'] },
    { from: 'Active', event: blocked, to: 'Active', commands: [] },
    { from: 'Error', event: { type: 'lookDue' }, to: 'Error', commands: ['observe'] },
    { from: 'Error', event: work, to: 'Error', commands: [] },
    { from: 'Error', event: { type: 'conformed' }, to: 'Active', commands: [] },
    { from: 'Error', event: { type: 'requestChanged' }, to: 'Detecting', commands: ['observe'] },
    { from: 'Removing', event: { type: 'deleteRequested' }, to: 'Removing', commands: ['remove'] },
  ] as const)('goes from $from by $event.type to $to and asks for $commands', ({ from, event, to, commands }) => {
    const result = next(at(from), event);
    expect(result.snapshot.value.lifecycle).toBe(to);
    expect(result.commands).toEqual(commands);
  });

  it.each(['Provisioning', 'Active'])('gives up in %s after the last attempt, and only then', (state) => {
    expect(next(at(state, MAX_ATTEMPTS - 2), failed).snapshot.value.lifecycle).toBe(state);
    const last = next(at(state, MAX_ATTEMPTS - 1), failed).snapshot;
    expect(last.value.lifecycle).toBe('Error');
    expect(last.hasTag('stalled')).toBe(true);
  });

  it('forgets failed attempts once the host conforms or the request changes', () => {
    expect(next(at('Active', 3), { type: 'conformed' }).snapshot.context.attempts).toBe(0);
    expect(next(at('Active', 3), { type: 'requestChanged' }).snapshot.context.attempts).toBe(0);
  });

  it('puts a pending update before a pending reboot', () => {
    const maintenance = (event: ServerEvent) => next(at('Active'), event).snapshot.value.maintenance;
    expect(maintenance({ ...observed, updates: true, reboot: true })).toBe('UpdatePending');
    expect(maintenance({ ...observed, reboot: true })).toBe('RebootPending');
    expect(maintenance(observed)).toBe('UpToDate');
  });

  it('answers a deletion in every reachable state', () => {
    for (const { state } of shortest()) {
      expect(next(state, { type: 'deleteRequested' }).commands).toContain('remove');
    }
  });

  it('reaches every declared state', () => {
    const reached = shortest().map(({ state }) => state.value);
    expect(new Set(reached.map((value) => value.lifecycle))).toEqual(new Set(lifecycleStates));
    const restored = next(restore({ schema: 1, lifecycle: 'Active', maintenance: 'New', attempts: 0 }), observed);
    expect(new Set([...reached.map((value) => value.maintenance), restored.snapshot.value.maintenance])).toEqual(
      new Set(maintenanceStates),
    );
  });

  it('behaves the same after a JSON round trip in every reachable state', () => {
    for (const { state } of shortest()) {
      const again = restore(JSON.parse(JSON.stringify(persist(state))) as ReturnType<typeof persist>);
      for (const event of events) {
        expect(pick(next(again, event))).toEqual(pick(next(state, event)));
      }
    }
  });

  it.each(lifecycleStates.flatMap((lifecycle) => maintenanceStates.map((maintenance) => ({ lifecycle, maintenance }))))(
    'restores $lifecycle and $maintenance as stored',
    (state) => expect(restore({ schema: 1, ...state, attempts: 2 }).value).toEqual(state),
  );

  it.each([
    {
      name: 'an unknown lifecycle',
      stored: { schema: 1, lifecycle: 'Flying', maintenance: 'UpToDate', attempts: 1 },
      to: { lifecycle: 'Detecting', maintenance: 'UpToDate' },
    },
    {
      name: 'an unknown maintenance',
      stored: { schema: 1, lifecycle: 'Active', maintenance: 'Soak', attempts: 1 },
      to: { lifecycle: 'Active', maintenance: 'Held' },
    },
    {
      name: 'a newer schema',
      stored: { schema: 2, lifecycle: 'Active', maintenance: 'UpToDate', attempts: 1 },
      to: { lifecycle: 'Detecting', maintenance: 'Held' },
    },
    {
      name: 'nonsense attempts',
      stored: { schema: 1, lifecycle: 'Active', maintenance: 'UpToDate', attempts: -3 },
      to: { lifecycle: 'Active', maintenance: 'UpToDate' },
    },
  ])('distrusts $name', ({ stored, to }) => {
    const snapshot = restore(stored);
    expect(snapshot.value).toEqual(to);
    expect(snapshot.context.attempts).toBeGreaterThanOrEqual(0);
  });

  it('leaves Held only by a request', () => {
    const held = at('Active', 0, 'Unheard');
    expect(next(held, { ...observed, updates: true }).snapshot.value.maintenance).toBe('Held');
    expect(next(held, { type: 'requestChanged' }).snapshot.value.maintenance).toBe('UpToDate');
  });
});

function shortest() {
  return Object.values(
    getShortestPaths(serverMachine, {
      events,
      serializeState: (state) => JSON.stringify([state.value, Math.min(state.context.attempts, MAX_ATTEMPTS)]),
      stopWhen: (state) => state.context.attempts > MAX_ATTEMPTS,
    }),
  );
}

function pick({ snapshot, commands }: ReturnType<typeof next>) {
  return { value: snapshot.value, attempts: snapshot.context.attempts, commands };
}
