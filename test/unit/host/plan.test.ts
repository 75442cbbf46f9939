import { describe, expect, it } from 'vitest';
import { effectiveServer } from '../../../src/api/effective.ts';
import { disruptions, type Disruption } from '../../../src/api/serverSpec.ts';
import type { Observation } from '../../../src/host/observe.ts';
import { gate, planHost, taskOf, type GateInput, type Plan } from '../../../src/host/plan.ts';
import type { AnyTask, Change, Obstacle } from '../../../src/host/task.ts';

const change = (name: string, disruption: Disruption = 'None', over: Partial<Change> = {}): Change => ({
  name,
  area: 'Docker',
  what: `do ${name}`,
  why: 'spec.docker',
  disruption,
  expectedGapSeconds: 0,
  params: {},
  ...over,
});
const plan = (...changes: Change[]): Plan => ({ changes, obstacles: [], hash: 'sha256:this' });
const input = (over: Partial<GateInput> = {}): GateInput => ({
  automatic: undefined,
  containersRunning: 0,
  policyOf: () => 'Manage',
  paused: false,
  ...over,
});
const names = (changes: readonly Change[]): string[] => changes.map(({ name }) => name);

describe('gate', () => {
  it.each<{ name: string; automatic?: Disruption; containers?: number | undefined; runs: Disruption[] }>([
    {
      name: 'nothing stated and no container',
      containers: 0,
      runs: ['None', 'Reload', 'RestartService', 'RestartContainers'],
    },
    { name: 'nothing stated and containers run', containers: 3, runs: ['None', 'Reload'] },
    { name: 'nothing stated and unknown whether containers run', containers: undefined, runs: ['None', 'Reload'] },
    { name: 'None stated', automatic: 'None', containers: 0, runs: ['None'] },
    {
      name: 'RestartService stated',
      automatic: 'RestartService',
      containers: 3,
      runs: ['None', 'Reload', 'RestartService'],
    },
    {
      name: 'Reload stated and no container: the stated value is the limit',
      automatic: 'Reload',
      containers: 0,
      runs: ['None', 'Reload'],
    },
    { name: 'Reboot stated', automatic: 'Reboot', containers: 3, runs: [...disruptions] },
  ])('with $name runs $runs', ({ automatic, containers, runs }) => {
    const all = disruptions.map((disruption, index) => change(`task-${index}/x`, disruption));
    const { run, pending } = gate(plan(...all), input({ automatic, containersRunning: containers }));
    expect(run.map(({ disruption }) => disruption)).toEqual(runs);
    expect(pending.every(({ waitingFor }) => waitingFor === 'Approval')).toBe(true);
    expect(run.length + pending.length).toBe(all.length);
  });

  it('runs what is approved beyond the limit, and nothing else there', () => {
    const wanted = plan(change('a/x', 'Reboot'), change('b/x', 'RestartContainers'), change('c/x'));
    const isApproved = ({ name }: Change) => name === 'b/x';
    expect(names(gate(wanted, input({ containersRunning: 1, isApproved })).run)).toEqual(['b/x', 'c/x']);
  });

  it('holds back what follows a waiting change of the same task, and only that', () => {
    const wanted = plan(change('a/one', 'Reboot'), change('b/one'), change('a/two'), change('b/two'));
    const { run, pending } = gate(wanted, input());
    expect(names(run)).toEqual(['b/one', 'b/two']);
    expect(pending.map(({ name, waitingFor }) => [name, waitingFor])).toEqual([
      ['a/one', 'Approval'],
      ['a/two', 'Approval'],
    ]);
  });

  it.each<Partial<GateInput>>([{ paused: true }, { policyOf: () => 'Observe' }])(
    'changes nothing with %j, approved or not',
    (over) => {
      const { run, pending } = gate(plan(change('a/x')), input({ ...over, isApproved: () => true }));
      expect(run).toEqual([]);
      expect(pending.map(({ waitingFor }) => waitingFor)).toEqual(['Management']);
    },
  );
});

describe('planHost', () => {
  const sample = (name: string, over: Partial<AnyTask> = {}): AnyTask => ({
    name,
    area: 'Docker',
    facts: [],
    want: () => name,
    diff: (want, have) => ({ changes: have === want ? [] : [change(`${name}/x`)], obstacles: [] }),
    apply: () => ({ kind: 'script', script: { name, text: ':' }, timeoutSeconds: 1 }),
    ...over,
  });
  const effective = effectiveServer({
    spec: {
      addresses: [{ type: 'IPv4', address: '192.0.2.1' }],
      ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
    },
  });
  const observation = (have: Record<string, unknown>, failed: Record<string, string> = {}): Observation => ({
    facts: { packageManager: 'apt', initSystem: 'systemd', fileSystems: [], owner: { state: 'Free' } },
    have: new Map(Object.entries(have)),
    failed: new Map(Object.entries(failed)),
    at: 0,
    slow: { signature: '', at: 0, results: new Map() },
  });

  it('lists the changes of all tasks in their order', () => {
    const tasks = [sample('one'), sample('two'), sample('three', { want: () => undefined })];
    const result = planHost(effective, observation({ one: 'other', two: 'two', three: 'x' }), tasks);
    expect(names(result.changes)).toEqual(['one/x']);
  });

  it('plans nothing for a task that could not be looked at, and says so', () => {
    const result = planHost(effective, observation({}, { one: 'fragment one#0 broke off' }), [sample('one')]);
    expect(result.changes).toEqual([]);
    expect(result.obstacles).toMatchObject([
      { reason: 'ObservationFailed', terminal: false } satisfies Partial<Obstacle>,
    ]);
    expect(result.obstacles[0]!.message).toContain('fragment one#0 broke off');
  });

  describe('with a task that objects to a change of another one', () => {
    const obstacle = (terminal: boolean): Obstacle => ({
      area: 'Docker',
      reason: 'IncompatibleAPI',
      message: 'not with me',
      terminal,
    });
    const one = sample('one', {
      diff: () => ({ changes: [change('one/a'), change('one/b'), change('one/c')], obstacles: [] }),
    });
    const objecting = (terminal: boolean): AnyTask =>
      sample('two', { veto: (_want, _have, { name }) => (name === 'one/b' ? obstacle(terminal) : undefined) });
    const planned = (terminal: boolean): Plan =>
      planHost(effective, observation({ one: 1, two: 2 }), [
        one,
        objecting(terminal),
        sample('three', { want: () => undefined }),
      ]);

    it('leaves out that change and what follows it in its task, and says why', () => {
      const { changes, obstacles } = planned(false);
      expect(names(changes)).toEqual(['one/a', 'two/x']);
      expect(obstacles).toEqual([obstacle(false)]);
    });

    it('leaves out what the objecting task wants too, when both can never be had', () => {
      expect(names(planned(true).changes)).toEqual(['one/a']);
    });

    it('asks no task that could not be looked at', () => {
      const { changes } = planHost(effective, observation({ one: 1 }), [one, objecting(true)]);
      expect(names(changes)).toEqual(['one/a', 'one/b', 'one/c']);
    });
  });

  it('has a hash that depends on the changes and their order, not on who computed it', () => {
    const hash = (...tasks: AnyTask[]): string => planHost(effective, observation({ one: 1, two: 2 }), tasks).hash;
    expect(hash(sample('one'), sample('two'))).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(hash(sample('one'), sample('two'))).toBe(hash(sample('one'), sample('two')));
    expect(hash(sample('one'), sample('two'))).not.toBe(hash(sample('two'), sample('one')));
  });

  it('finds the task of a change by its name', () => {
    const tasks = [sample('docker'), sample('docker-users')];
    expect(taskOf(change('docker-users/member'), tasks).name).toBe('docker-users');
    expect(() => taskOf(change('nobody/x'), tasks)).toThrow('no task made the change nobody/x');
  });
});
