import { describe, expect, it } from 'vitest';
import { describeSchedule, makeSchedule } from '../../faults/schedule.ts';

const many = Array.from({ length: 2000 }, (_, seed) => makeSchedule(seed));

describe('a schedule of faults', () => {
  it('is the same for the same seed, and another one for the next', () => {
    expect(makeSchedule(42)).toEqual(makeSchedule(42));
    expect(makeSchedule(42)).not.toEqual(makeSchedule(43));
    expect(makeSchedule(2 ** 32 - 1)).toEqual(makeSchedule(2 ** 32 - 1));
  });

  it('has every kind of fault, account and end somewhere', () => {
    const kinds = new Set(many.flatMap(({ faults }) => faults.map(({ kind }) => kind)));
    expect([...kinds].sort()).toEqual([
      'BreakNames',
      'ChangeSudo',
      'CutLink',
      'FillDisk',
      'FreezeLink',
      'FreezeSshd',
      'HoldApt',
      'KillControlPlane',
      'KillDpkg',
      'MoveClock',
      'RebootHost',
      'ShellNoise',
    ]);
    const hosts = many.flatMap((schedule) => schedule.hosts);
    expect(new Set(hosts.map(({ account }) => account)).size).toBe(3);
    expect(new Set(hosts.map(({ hook }) => hook.when)).size).toBe(2);
    expect(new Set(hosts.map(({ hook }) => hook.seconds)).size).toBe(8);
    expect(new Set(hosts.map(({ operation }) => operation?.type)).size).toBe(4);
    expect(new Set(hosts.map(({ engine, upgradeAtMs }) => `${engine} ${upgradeAtMs !== undefined}`)).size).toBe(3);
    expect(new Set(many.map(({ lasting }) => lasting)).size).toBe(3);
    expect(new Set(many.map((schedule) => schedule.hosts.length))).toEqual(new Set([1, 2]));
  });

  it('names existing hosts only, in the order of time, and is bounded', () => {
    for (const { hosts, faults } of many) {
      expect(faults.length).toBeGreaterThan(0);
      expect(faults.length).toBeLessThanOrEqual(6);
      expect(faults.map(({ atMs }) => atMs)).toEqual(faults.map(({ atMs }) => atMs).sort((a, b) => a - b));
      for (const { host, atMs } of faults) {
        expect(hosts[host]).toBeDefined();
        expect(atMs).toBeLessThanOrEqual(26_000);
      }
    }
  });

  it('changes sudo only where the login goes through it, and demands a password for good only where none is given', () => {
    for (const { hosts, faults, lasting } of many) {
      const asked = faults.filter(({ kind }) => kind === 'ChangeSudo');
      for (const { host } of asked) expect(hosts[host]?.account).not.toBe('root');
      if (lasting === 'DemandSudoPassword') expect(hosts[0]?.account).toBe('sudo');
    }
  });

  it('is told in a form that says how to repeat it', () => {
    const schedule = makeSchedule(7);
    const text = describeSchedule(schedule);
    expect(text).toMatch(/^HOSTLER_FAULT_SEED=7: host 0 as /);
    for (const { kind, atMs } of schedule.faults) expect(text).toMatch(new RegExp(` ${atMs} ms +host \\d +${kind}`));
  });
});
