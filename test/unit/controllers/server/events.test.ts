import { describe, expect, it } from 'vitest';
import type { Condition } from '../../../../src/api/conditions.ts';
import { API_VERSION } from '../../../../src/api/meta.ts';
import type { Server } from '../../../../src/api/server.ts';
import { recordTransitions } from '../../../../src/controllers/server/events.ts';
import type { EventRecorder } from '../../../../src/kube/eventRecorder.ts';

const condition = (type: string, status: Condition['status'], reason: string): Condition => ({
  type,
  status,
  reason,
  message: 'why',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

const server = (...conditions: Condition[]): Server => ({
  apiVersion: API_VERSION,
  kind: 'Server',
  metadata: { name: 'a', namespace: 'default' },
  spec: { addresses: [], ssh: { user: 'root', auth: {} } },
  status: { conditions },
});

function recorded(before: Server, after: Server): string[] {
  const told: string[] = [];
  const recorder: Pick<EventRecorder, 'record'> = {
    record: (_about, { type, reason, message }) => void told.push(`${type} ${reason} ${message}`),
  };
  recordTransitions(recorder, before, after);
  return told;
}

const settingUp = condition('Provisioning', 'True', 'Running');
const wanting = condition('DockerReady', 'False', 'NotInstalled');

describe('events of transitions', () => {
  it.each<{ name: string; before?: Condition[]; after: Condition[]; told: string[] }>([
    {
      name: 'warn of what is missing on a host that was set up',
      after: [condition('Provisioning', 'False', 'Complete'), wanting],
      told: ['Warning NotInstalled DockerReady=False: why'],
    },
    {
      name: 'do not warn of what the first set-up is about to make',
      after: [settingUp, wanting],
      told: ['Normal Running Provisioning=True: why', 'Normal NotInstalled DockerReady=False: why'],
    },
    {
      name: 'warn of a change that fails in the first set-up',
      before: [settingUp, condition('InSync', 'False', 'Drifted')],
      after: [settingUp, condition('InSync', 'False', 'ApplyFailed')],
      told: ['Warning ApplyFailed InSync=False: why'],
    },
    {
      name: 'warn of a first set-up that was given up',
      before: [settingUp],
      after: [condition('Provisioning', 'False', 'StepFailed')],
      told: ['Warning StepFailed Provisioning=False: why'],
    },
    {
      name: 'say nothing where nothing changed, could not be looked at, or is normally False',
      before: [wanting],
      after: [wanting, condition('InSync', 'Unknown', 'NotObserved'), condition('RebootPending', 'False', 'NoReboot')],
      told: [],
    },
  ])('$name', ({ before = [], after, told }) => {
    expect(recorded(server(...before), server(...after))).toEqual(told);
  });
});
