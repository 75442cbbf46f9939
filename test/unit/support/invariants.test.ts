import { describe, expect, it } from 'vitest';
import { alwaysPresent, type Condition } from '../../../src/api/conditions.ts';
import type { Server } from '../../../src/api/server.ts';
import type { ServerOperation } from '../../../src/api/serverOperation.ts';
import { doubleInstallations } from '../../support/dpkgLog.ts';
import { brokenOnHost, type HostTraces, type Known } from '../../support/hostInvariants.ts';
import { brokenInOperation, brokenInServer } from '../../support/objectInvariants.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');

function condition(type: string, more: Partial<Condition> = {}): Condition {
  const lastTransitionTime = '2026-03-01T11:00:00Z';
  return {
    type,
    status: 'True',
    reason: 'Connected',
    message: 'm',
    observedGeneration: 2,
    lastTransitionTime,
    ...more,
  };
}

const sound: Server = {
  apiVersion: 'hostler.dev/v1alpha1',
  kind: 'Server',
  metadata: { name: 'eu-1', uid: 'uid-1', generation: 2 },
  spec: {
    addresses: [{ type: 'IPv4', address: '192.0.2.1' }],
    ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
  },
  status: { observedGeneration: 2, appliedGeneration: 1, conditions: alwaysPresent.map((type) => condition(type)) },
};

function doctored(status: Partial<NonNullable<Server['status']>>): string {
  return brokenInServer({ ...sound, status: { ...sound.status, ...status } }, NOW).join('\n');
}

/** All conditions, one of them as given. */
function withCondition(type: string, more: Partial<Condition>): string {
  const others = (sound.status?.conditions ?? []).filter((one) => one.type !== type);
  return doctored({ conditions: [...others, condition(type, more)] });
}

describe('a Server', () => {
  it('that is sound breaks nothing, nor does one that nobody has looked at yet', () => {
    expect(brokenInServer(sound, NOW)).toEqual([]);
    expect(brokenInServer({ ...sound, status: undefined } as never, NOW)).toEqual([]);
  });

  it.each([
    ['an old condition type is gone', doctored({ conditions: [] }), 'condition Ready is missing'],
    [
      'a type stands twice',
      doctored({ conditions: [...sound.status!.conditions!, condition('Ready')] }),
      'stands twice',
    ],
    ['it is ahead of its generation', doctored({ observedGeneration: 3 }), 'observedGeneration > generation'],
    [
      'it applied what it never observed',
      doctored({ observedGeneration: 0 }),
      'appliedGeneration > observedGeneration',
    ],
    ['it is Ready and Stalled', withCondition('Stalled', {}), 'Ready and Stalled'],
    ['it is Ready and unreachable', withCondition('Reachable', { status: 'False' }), 'Ready, but not Reachable'],
    ['Reconciling is not True', withCondition('Reconciling', { status: 'False' }), 'Reconciling is not True'],
    [
      'a reason is made up',
      withCondition('InSync', { reason: 'Whatever' }),
      'Whatever of InSync is not in the vocabulary',
    ],
    ['it tells of a bug', withCondition('InSync', { reason: 'InternalError' }), 'InSync tells of a bug'],
    ['a message is empty', withCondition('InSync', { message: '' }), 'InSync has no message'],
    ['a message has a hole', withCondition('InSync', { message: 'found undefined' }), 'a hole in its message'],
    [
      'it comes from the future',
      withCondition('InSync', { lastTransitionTime: '2026-03-01T13:00:00Z' }),
      'in the future',
    ],
    ['a condition is ahead', withCondition('InSync', { observedGeneration: 3 }), 'ahead of the generation'],
    [
      'it is at rest and a step runs',
      doctored({ provisioning: { steps: [{ name: 'hook/once', state: 'Running', attempts: 1 }] } }),
      'step hook/once runs',
    ],
    [
      'two jobs run',
      doctored({
        jobs: ['a', 'b'].map((name) => ({ name, change: 'c', attempt: 1, startTime: '2026-03-01T11:00:00Z' })),
      }),
      'more than one job at once',
    ],
  ])('is found when %s', (_, broken, expected) => {
    expect(broken).toContain(expected);
  });
});

describe('a ServerOperation', () => {
  const operation = (status: NonNullable<ServerOperation['status']>): ServerOperation => ({
    apiVersion: 'hostler.dev/v1alpha1',
    kind: 'ServerOperation',
    metadata: { name: 'once', generation: 1 },
    spec: { serverRef: { name: 'eu-1' }, type: 'Reboot' },
    status,
  });

  it('is found when its end and its phase disagree, or a step of what is over runs', () => {
    const time = '2026-03-01T11:00:00Z';
    expect(brokenInOperation(operation({ phase: 'Running', startTime: time }), NOW)).toEqual([]);
    expect(brokenInOperation(operation({ phase: 'Succeeded' }), NOW).join()).toContain('beside completionTime');
    const steps = [{ name: 'verify', state: 'Running' as const, attempts: 1 }];
    expect(brokenInOperation(operation({ phase: 'Failed', completionTime: time, steps }), NOW).join()).toContain(
      'verify',
    );
  });
});

describe('a host', () => {
  const owner = { version: '1', installation: 'ours', server: 'uid-1', lease: 'lease-1', transitions: '3' };
  const traces: HostTraces = { owner, jobs: new Map(), unproven: [], isLocked: false, packages: '', shown: '' };
  const known: Known = {
    installation: 'ours',
    servers: [sound],
    operations: [],
    leases: [
      {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'shard-0', uid: 'lease-1' },
        spec: { leaseTransitions: 3 },
      },
    ],
  };
  const job = (change: string) => new Map([['abc', { change, server: 'uid-1' }]]);
  const look = (more: Partial<HostTraces>, options = { owned: true }) =>
    brokenOnHost(sound, { ...traces, ...more }, known, options).join('\n');

  it('that is sound breaks nothing, nor does one of nobody or of another installation', () => {
    expect(look({})).toBe('');
    expect(look({ owner: {} })).toBe('');
    expect(look({ owner: { ...owner, installation: 'theirs', server: 'uid-9' } }, { owned: false })).toBe('');
  });

  it.each([
    ['the lock is held', { isLocked: true }, 'the lock is held'],
    ['a job is in no status', { jobs: job('hook/once') }, 'job abc (hook/once) on the host is an orphan'],
    ["a job's operation is gone", { jobs: job('operation/once') }, 'an orphan'],
    ['a change waits for a proof that nobody gives', { unproven: ['c0ffee'] }, 'change c0ffee, which waits'],
    ['another Server owns it', { owner: { ...owner, server: 'uid-2' } }, 'of Server uid-2'],
    ['another installation owns it', { owner: { ...owner, installation: 'theirs' } }, 'of installation theirs'],
    ['its Lease is gone', { owner: { ...owner, lease: 'lease-2' } }, 'Lease lease-2, which is not there'],
    ['its token is ahead', { owner: { ...owner, transitions: '4' } }, 'ahead of its Lease'],
  ] as const)('is found when %s', (_, more, expected) => {
    expect(look(more)).toContain(expected);
  });

  it('may have a job that the status or an operation under way knows', () => {
    const operations: ServerOperation[] = [
      {
        apiVersion: 'hostler.dev/v1alpha1',
        kind: 'ServerOperation',
        metadata: { name: 'once' },
        spec: { serverRef: { name: 'eu-1' }, type: 'RunCommand' },
        status: { phase: 'Running' },
      },
    ];
    const looked = { ...traces, jobs: job('operation/once') };
    expect(brokenOnHost(sound, looked, { ...known, operations })).toEqual([]);
    const jobs = [{ name: 'abc', change: 'hook/once', attempt: 1, startTime: '2026-03-01T11:00:00Z' }];
    const busy = { ...sound, status: { ...sound.status, jobs } };
    expect(brokenOnHost(busy, { ...traces, jobs: job('hook/once') }, { ...known, servers: [busy] })).toEqual([]);
  });
});

describe("dpkg's log", () => {
  const line = (text: string) => `2026-03-01 11:00:00 ${text}`;
  const install = [line('install docker.io:amd64 <none> 20.10'), line('status unpacked docker.io:amd64 20.10')];
  const installed = [...install, line('status installed docker.io:amd64 20.10')];
  const look = (lines: string[]) => doubleInstallations(lines.join('\n'));

  it('tells a second installation of what was there', () => {
    expect(look([...installed, ...install])).toEqual(['docker.io 20.10']);
    expect(look([...installed, line('upgrade docker.io:amd64 20.10 20.10')])).toEqual(['docker.io 20.10']);
  });

  it('tells none that was cut off, removed or upgraded in between', () => {
    expect(look([...install, ...installed])).toEqual([]);
    expect(look([...installed, line('remove docker.io:amd64 20.10 <none>'), ...installed])).toEqual([]);
    expect(look([...installed, line('upgrade docker.io:amd64 20.10 26.1')])).toEqual([]);
  });
});
