import { describe, expect, it } from 'vitest';
import { effectiveServer } from '../../../src/api/effective.ts';
import { reasons } from '../../../src/api/reasons.ts';
import type { ServerSpec } from '../../../src/api/serverSpec.ts';
import type { HostFacts } from '../../../src/host/facts.ts';
import type { Observation } from '../../../src/host/observe.ts';
import { runPreflight, type Check, type PreflightContext } from '../../../src/host/preflight.ts';
import type { AnyTask } from '../../../src/host/task.ts';
import { proxy } from '../../../src/host/tasks/proxy/task.ts';
import { TerminalError } from '../../../src/lib/errors.ts';

const GIB = 2 ** 30;
const goodFacts: HostFacts = {
  hostname: 'web-1',
  os: { id: 'debian', idLike: [], name: 'Debian GNU/Linux 12 (bookworm)', versionID: '12' },
  osTier: 1,
  packageManager: 'apt',
  initSystem: 'systemd',
  cpus: 4,
  memoryBytes: 8 * GIB,
  fileSystems: [
    { path: '/', totalBytes: 200e9, freeBytes: 1e9 },
    { path: '/var/lib', totalBytes: 200e9, freeBytes: 100e9 },
  ],
  user: { name: 'root', uid: 0, groups: ['root'], isRoot: true },
  ports: [],
  network: { internet: true, registry: true },
  clockSkewMs: 0,
  owner: { state: 'Free' },
};
const docker = (result: Check['result'], fixable = true): AnyTask => ({
  name: 'docker-engine',
  area: 'Docker',
  facts: [],
  want: (effective) => effective.docker,
  diff: () => ({ changes: [], obstacles: [] }),
  apply: () => ({ kind: 'script', script: { name: 'x', text: ':' }, timeoutSeconds: 1 }),
  checks: {
    names: ['docker-installed', 'docker-running'],
    judge: () => [
      { name: 'docker-installed', severity: 'Required', result, fixable, reason: 'NotInstalled', message: 'Docker …' },
      { name: 'docker-running', severity: 'Required', result, fixable, reason: 'NotRunning', message: 'Docker …' },
    ],
  },
});

function preflight(
  over: {
    facts?: Partial<HostFacts>;
    spec?: Partial<ServerSpec>;
    context?: Partial<PreflightContext>;
    unseen?: true;
    undeclared?: true;
  } = {},
) {
  const observation: Observation = {
    facts: { ...goodFacts, ...over.facts },
    have: over.unseen ? new Map() : new Map([['docker-engine', {}]]),
    failed: over.unseen ? new Map([['docker-engine', 'fragment docker-engine#0 broke off']]) : new Map(),
    at: 0,
    slow: { signature: '', at: 0, results: new Map() },
  };
  const spec: ServerSpec = {
    addresses: [{ type: 'IPv4', address: '192.0.2.1' }],
    ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
    ...(over.undeclared ? {} : { docker: {} }),
    ...over.spec,
  };
  const context = { privilege: { kind: 'root' } as const, tasks: [docker('Pass'), proxy as AnyTask], ...over.context };
  const result = runPreflight(effectiveServer({ spec }), observation, context);
  const check = (name: string): Check => result.checks.find((candidate) => candidate.name === name)!;
  return { ...result, check };
}
const observeAll = { management: { default: 'Observe' as const } };

describe('runPreflight', () => {
  it('qualifies a good host, with every check named once and in a stable order', () => {
    const { result, checks, passed, failed, warnings } = preflight();
    expect([result, passed, failed, warnings]).toEqual(['Qualified', checks.length, 0, 0]);
    expect(checks.map(({ name }) => name)).toEqual([
      'ssh',
      'privilege',
      'os',
      'docker-installed',
      'docker-running',
      'ports',
      'disk',
      'internet',
      'cpu',
      'memory',
      'clock',
    ]);
  });

  it('needs setup when only fixable checks fail, and is unqualified when another one fails', () => {
    expect(preflight({ context: { tasks: [docker('Fail')] } }).result).toBe('NeedsSetup');
    expect(preflight({ context: { tasks: [docker('Fail', false)] } }).result).toBe('Unqualified');
    expect(preflight({ context: { tasks: [docker('Fail')] }, facts: { osTier: undefined as never } }).result).toBe(
      'Unqualified',
    );
  });

  it('does not count Docker while it is not declared', () => {
    const { check, result } = preflight({ undeclared: true, context: { tasks: [docker('Fail')] } });
    expect(result).toBe('Qualified');
    expect(check('docker-installed')).toMatchObject({ result: 'Pass', reason: 'CheckNotApplicable' });
  });

  it('does not take what could not be looked at for good', () => {
    const { check, result } = preflight({ unseen: true });
    expect(result).toBe('Unqualified');
    expect(check('docker-running')).toMatchObject({ result: 'Fail', reason: 'ObservationFailed' });
    expect(check('docker-running').message).toContain('broke off');
  });

  it('only warns about what is needed for changing while everything is observed', () => {
    const { result, check, failed } = preflight({
      spec: observeAll,
      facts: { osTier: undefined as never },
      context: { privilege: { kind: 'none' }, tasks: [docker('Fail')] },
    });
    expect([result, failed]).toEqual(['Qualified', 0]);
    for (const name of ['privilege', 'os', 'docker-installed', 'docker-running']) {
      expect(check(name)).toMatchObject({ severity: 'Warning', result: 'Warn' });
    }
  });

  it.each<[PreflightContext['privilege'], Check['reason']]>([
    [{ kind: 'root' }, 'Root'],
    [{ kind: 'sudo', withPassword: false }, 'Passwordless'],
    [{ kind: 'doas' }, 'Passwordless'],
  ])('accepts privilege %j', (privilege, reason) => {
    expect(preflight({ context: { privilege } }).check('privilege')).toMatchObject({ result: 'Pass', reason });
  });

  it('warns of a sudo that asks for a password, which Fix can change', () => {
    const { result, check } = preflight({ context: { privilege: { kind: 'sudo', withPassword: true } } });
    expect(result).toBe('Qualified');
    expect(check('privilege')).toMatchObject({ result: 'Warn', reason: 'WithPassword', fixable: true });
  });

  it('says why root cannot be had', () => {
    const privilegeFailure = new TerminalError('TTYRequired', 'sudo wants a terminal.', {
      remedy: 'Remove requiretty.',
    });
    const { check, result } = preflight({ context: { privilege: { kind: 'none' }, privilegeFailure } });
    expect(result).toBe('Unqualified');
    expect(check('privilege')).toMatchObject({
      result: 'Fail',
      reason: 'TTYRequired',
      message: 'sudo wants a terminal. Remove requiretty.',
    });
  });

  it.each<{
    name: string;
    facts: Partial<HostFacts>;
    spec?: Partial<ServerSpec>;
    expected: Partial<Check>;
    says: RegExp;
  }>([
    {
      name: 'os',
      facts: { os: { id: 'x', idLike: [], name: 'Xinu 7' }, osTier: undefined as never },
      expected: { result: 'Fail', reason: 'Unsupported' },
      says: /Xinu 7 is not supported.*Debian 11 to 13/,
    },
    { name: 'os', facts: { os: undefined as never }, expected: { result: 'Fail' }, says: /os-release/ },
    { name: 'os', facts: { osTier: 3 }, expected: { result: 'Warn' }, says: /tier 3/ },
    {
      name: 'disk',
      facts: { fileSystems: [{ path: '/var/lib', totalBytes: 50e9, freeBytes: 19.9e9 }] },
      expected: { result: 'Fail', severity: 'Required', fixable: false },
      says: /Only 19 GB free on \/var\/lib; 20 GB are required/,
    },
    {
      name: 'disk',
      facts: { fileSystems: [{ path: '/var/lib', totalBytes: 50e9, freeBytes: 20e9 }] },
      expected: { result: 'Pass' },
      says: /20 GB/,
    },
    {
      name: 'disk',
      facts: {
        fileSystems: [
          { path: '/var/lib', totalBytes: 9e11, freeBytes: 9e11 },
          { path: '/var/lib/docker', totalBytes: 50e9, freeBytes: 5e9 },
        ],
      },
      expected: { result: 'Fail' },
      says: /5 GB free on \/var\/lib\/docker/,
    },
    {
      name: 'disk',
      facts: {},
      spec: { requirements: { disk: '200Gi' } },
      expected: { result: 'Fail' },
      says: /100 GB.*214 GB/,
    },
    { name: 'disk', facts: { fileSystems: [] }, expected: { result: 'Fail' }, says: /df/ },
    {
      name: 'internet',
      facts: { network: { internet: true, registry: false } },
      expected: { result: 'Warn', severity: 'Warning' },
      says: /registry-1\.docker\.io/,
    },
    { name: 'internet', facts: { network: undefined as never }, expected: { result: 'Warn' }, says: /curl/ },
    {
      name: 'ports',
      facts: { ports: [{ port: 80, process: 'apache2', pid: 7 }] },
      expected: { result: 'Warn', reason: 'PortConflict' },
      says: /80 by apache2 \(pid 7\)/,
    },
    { name: 'ports', facts: { ports: [{ port: 443 }] }, expected: { result: 'Warn' }, says: /only root can see/ },
    {
      name: 'ports',
      facts: { ports: [{ port: 80, process: 'docker-proxy', pid: 9 }] },
      expected: { result: 'Warn' },
      says: /container/,
    },
    { name: 'ports', facts: { ports: undefined as never }, expected: { result: 'Warn' }, says: /iproute2/ },
    {
      name: 'cpu',
      facts: { cpus: 2 },
      expected: { result: 'Warn', severity: 'Warning' },
      says: /Only 2 CPU cores; 4 CPU cores recommended/,
    },
    {
      name: 'cpu',
      facts: { cpus: 1 },
      spec: { requirements: { cpu: '2' } },
      expected: { result: 'Fail', severity: 'Required' },
      says: /Only 1 CPU core; 2 CPU cores required.*spec\.requirements\.cpu/,
    },
    {
      name: 'cpu',
      facts: { cpus: 2 },
      spec: { requirements: { cpu: 2 } },
      expected: { result: 'Pass', severity: 'Required' },
      says: /2 CPU cores/,
    },
    {
      name: 'cpu',
      facts: { cpus: undefined as never },
      spec: { requirements: { cpu: 2 } },
      expected: { result: 'Fail' },
      says: /could not be read/i,
    },
    {
      name: 'memory',
      facts: { memoryBytes: 3.8 * GIB },
      spec: { requirements: { memory: '4Gi' } },
      expected: { result: 'Pass' },
      says: /3\.8 GiB/,
    },
    {
      name: 'memory',
      facts: { memoryBytes: 2 * GIB },
      spec: { requirements: { memory: '4Gi' } },
      expected: { result: 'Fail' },
      says: /2\.0 GiB of memory; 4\.0 GiB/,
    },
    { name: 'memory', facts: { memoryBytes: 2 * GIB }, expected: { result: 'Warn' }, says: /recommended/ },
    {
      name: 'clock',
      facts: { clockSkewMs: -86_400_000 },
      expected: { result: 'Warn', reason: 'ClockSkew' },
      says: /86400 seconds behind/,
    },
    { name: 'clock', facts: { clockSkewMs: 30_000 }, expected: { result: 'Pass' }, says: /agrees/ },
    {
      name: 'clock',
      facts: { clockSkewMs: undefined as never },
      expected: { result: 'Warn' },
      says: /could not be read/,
    },
  ])('judges $name of $facts with $spec', ({ name, facts, spec, expected, says }) => {
    const { check } = preflight({ facts, ...(spec === undefined ? {} : { spec }) });
    expect(check(name)).toMatchObject(expected);
    expect(check(name).message).toMatch(says);
    expect(check(name).reason in reasons).toBe(true);
  });
});
