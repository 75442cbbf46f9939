import { describe, expect, it } from 'vitest';
import type { HostFacts } from '../../../../src/host/facts.ts';
import { newestKernel, providerFacts } from '../../../../src/host/providers/facts.ts';
import { Records } from '../../../../src/host/records.ts';

/** What the fragments make of `values`, each record with status 0. */
function parse(values: Record<string, string>): Partial<HostFacts> {
  const records = new Records(new Map(Object.entries(values).map(([name, text]) => [name, { status: 0, text }])));
  return Object.assign({}, ...providerFacts.map((fragment) => fragment.parse(records))) as Partial<HostFacts>;
}

describe('locks of package managers', () => {
  it('name the process that holds them', () => {
    const facts = parse({
      looked: 'yes',
      'lock.1': '4711 /var/lib/dpkg/lock-frontend unattended-upgr',
      'lock.2': '4711 /var/lib/apt/lists/lock unattended-upgr',
    });
    expect(facts.packageLocks).toEqual([
      { pid: 4711, path: '/var/lib/dpkg/lock-frontend', process: 'unattended-upgr' },
      { pid: 4711, path: '/var/lib/apt/lists/lock', process: 'unattended-upgr' },
    ]);
  });

  it('are unknown, not free, when nobody could look', () => {
    expect(parse({})).toEqual({});
    expect(parse({ looked: 'yes' }).packageLocks).toEqual([]);
  });

  it.each(['', 'x', '-1 /lock x', '99999999999 /lock x', '1 relative x'])('make nothing of %j', (text) => {
    expect(parse({ looked: 'yes', 'lock.1': text }).packageLocks).toEqual([]);
  });
});

describe('a pending reboot', () => {
  it('is what the flag file says, with the packages that ask for it, each once', () => {
    const facts = parse({ required: 'yes', packages: 'linux-image-6.1\ndbus\ndbus\n' });
    expect(facts.reboot).toEqual({ required: true, packages: ['dbus', 'linux-image-6.1'] });
    expect(parse({ required: 'no' }).reboot).toEqual({ required: false, packages: [] });
  });

  it('never follows from kernels in a container, which runs the kernel of its machine', () => {
    const kernels = { running: '6.1.0-18-amd64', 'kernel.1': '6.1.0-18-amd64', 'kernel.2': '6.1.0-21-amd64' };
    expect(parse({ ...kernels, contained: 'no' }).installedKernel).toBe('6.1.0-21-amd64');
    expect(parse({ ...kernels, contained: 'yes' }).installedKernel).toBeUndefined();
  });

  it.each([
    {
      running: '6.1.0-18-amd64',
      installed: ['6.1.0-9-amd64', '6.1.0-18-amd64', '6.1.0-21-cloud-amd64'],
      newest: '6.1.0-18-amd64',
    },
    {
      running: '6.1.0-18-cloud-amd64',
      installed: ['6.1.0-18-amd64', '6.1.0-21-cloud-amd64'],
      newest: '6.1.0-21-cloud-amd64',
    },
    {
      running: '5.15.0-91-generic',
      installed: ['5.15.0-100-generic', '5.15.0-91-generic'],
      newest: '5.15.0-100-generic',
    },
    {
      running: '5.14.0-362.8.1.el9_3.x86_64',
      installed: ['5.14.0-362.24.1.el9_3.x86_64', '0-rescue-abc'],
      newest: '5.14.0-362.24.1.el9_3.x86_64',
    },
    { running: '6.18.44-fc', installed: ['*'], newest: undefined },
    { running: '6.18.44-fc', installed: [], newest: undefined },
  ])('compares $running only with kernels of its flavour', ({ running, installed, newest }) => {
    expect(newestKernel(installed, running)).toBe(newest);
  });
});

describe('pending updates', () => {
  it('are counted, security apart', () => {
    expect(parse({ updates: '19 12' }).updates).toEqual({ pending: 19, security: 12 });
    expect(parse({ updates: '0 0' }).updates).toEqual({ pending: 0, security: 0 });
  });

  it.each(['', '1', '-1 0', 'a b', '1 2 3'])('are unknown, not none, when the host answers %j', (updates) => {
    expect(parse({ updates }).updates).toBeUndefined();
  });
});
