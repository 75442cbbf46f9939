import { describe, expect, it } from 'vitest';
import type { Condition } from '../../../src/api/conditions.ts';
import type { PendingChange, ServerStatus } from '../../../src/api/serverStatus.ts';
import { columns, describePlan } from '../../../src/cli/server/planText.ts';

const change: PendingChange = {
  name: 'docker-engine/package',
  area: 'Docker',
  what: 'upgrade docker.io from 20.10 to 26.1',
  from: '20.10',
  to: '26.1',
  why: 'spec.docker.version is 26',
  disruption: 'RestartService',
  expectedGapSeconds: 10,
  waitingFor: 'Approval',
};
const condition = (type: string, status: Condition['status'], reason: string, message: string): Condition => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

describe('describePlan', () => {
  it('says of each change what, from, to, why, what it disrupts and for how long, and what it waits for', () => {
    const { rows, says } = describePlan({ pendingChanges: [change] });
    expect(rows).toEqual([
      ['1', change.what, '20.10', '26.1', 'spec.docker.version is 26', 'RestartService', '10 s', 'Approval'],
    ]);
    expect(rows[0]).toHaveLength(columns.length);
    expect(says).toEqual([]);
  });

  it('names what stands in the way of what is in no row', () => {
    const status: ServerStatus = {
      pendingChanges: [change],
      conditions: [
        condition('DockerReady', 'False', 'VersionMismatch', change.what),
        condition('ProxyReady', 'False', 'PortConflict', 'port 80 by apache2'),
        condition('Qualified', 'False', 'ChecksFailed', 'port 80 by apache2'),
      ],
    };
    expect(describePlan(status).says).toEqual(['Not in the plan: ProxyReady: PortConflict: port 80 by apache2']);
  });

  it.each([
    ['True', ['Nothing to change: the host is as declared.']],
    ['False', ['Nothing that could be changed now: PortConflict: port 80']],
    ['Unknown', []],
  ] as const)('without changes and InSync=%s says %j', (status, says) => {
    const conditions = [condition('InSync', status, 'PortConflict', 'port 80')];
    expect(describePlan({ conditions })).toEqual({ rows: [], says });
  });
});
