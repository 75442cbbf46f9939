import { expect, it } from 'vitest';
import type { Server } from '../../../src/api/server.ts';
import type { ServerOperation } from '../../../src/api/serverOperation.ts';
import { linesOf } from '../../../src/cli/server/logs.ts';
import type { KubeEvent } from '../../../src/kube/resource.ts';

const at = (second: number) => `2026-01-01T00:00:0${second}Z`;

const server: Server = {
  apiVersion: 'hostler.dev/v1alpha1',
  kind: 'Server',
  metadata: { namespace: 'acme', name: 'eu-1', uid: 'uid-eu-1' },
  spec: { addresses: [], ssh: { user: 'root', auth: {} } },
  status: {
    provisioning: {
      steps: [
        { name: 'connect', state: 'Succeeded', attempts: 1, startTime: at(1), completionTime: at(2), message: 'a\nb' },
        { name: 'detect', state: 'Running', attempts: 1, startTime: at(5) },
        { name: 'preflight', state: 'Pending', attempts: 0 },
      ],
    },
  },
};

const operation: ServerOperation = {
  apiVersion: 'hostler.dev/v1alpha1',
  kind: 'ServerOperation',
  metadata: { namespace: 'acme', name: 'again', creationTimestamp: at(3) },
  spec: { serverRef: { name: 'eu-1' }, type: 'Reboot' },
  status: {
    phase: 'Running',
    startTime: at(4),
    steps: [{ name: 'restart', state: 'Running', attempts: 1, startTime: at(4) }],
  },
};

const event: KubeEvent = {
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { namespace: 'acme', name: 'eu-1.1' },
  involvedObject: { uid: 'uid-eu-1' },
  reason: 'Connected',
  message: 'Reachable=True: connected',
  type: 'Normal',
  source: { component: 'hostler' },
  reportingComponent: 'hostler',
  reportingInstance: 'one',
  firstTimestamp: at(0),
  lastTimestamp: at(3),
  count: 2,
};

it('lists Events, steps and operations by when they ended, or began where they go on', () => {
  const lines = linesOf(server, [operation], [event]);
  expect(
    lines.map(({ time, what, state, message }) => `${time.slice(17, 19)} ${what} ${state} ${message}`.trim()),
  ).toEqual([
    '02 step connect Succeeded a b',
    '03 event Connected Normal Reachable=True: connected',
    '04 Reboot again Running',
    '04 again restart Running',
    '05 step detect Running',
  ]);
});
