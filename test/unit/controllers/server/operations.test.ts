import { describe, expect, it } from 'vitest';
import type { OperationType, ServerOperation } from '../../../../src/api/serverOperation.ts';
import { waitingOperations } from '../../../../src/controllers/server/operations.ts';
import { serverWith } from '../../../support/serverScope.ts';

const HOUR = 3600_000;
const server = serverWith();

function operation(type: OperationType, status: ServerOperation['status'] = {}): ServerOperation {
  return {
    apiVersion: 'hostler.dev/v1alpha1',
    kind: 'ServerOperation',
    metadata: { namespace: 'acme', name: type.toLowerCase(), creationTimestamp: new Date(0).toISOString() },
    spec: { serverRef: { name: 'eu-1' }, type },
    status,
  };
}

describe('operations of a run', () => {
  it('allow nothing any more once their deadline passed, unless they began', () => {
    for (const type of ['Approve', 'ApproveHostKey', 'TakeOver', 'Fix', 'Retry'] as const) {
      expect(waitingOperations([operation(type)], { server, now: HOUR - 1 })).toHaveLength(1);
      expect(waitingOperations([operation(type)], { server, now: HOUR })).toEqual([]);
    }
    expect(waitingOperations([operation('Fix', { phase: 'Running' })], { server, now: HOUR })).toHaveLength(1);
  });

  it('do not go on on another Server of that name', () => {
    const begunOn = (serverUID: string) => [operation('RunCommand', { phase: 'Running', serverUID })];
    expect(waitingOperations(begunOn(server.metadata.uid), { server, now: HOUR })).toHaveLength(1);
    expect(waitingOperations(begunOn('uid-before'), { server, now: HOUR })).toEqual([]);
  });

  it('keep acts, which may have begun by now', () => {
    expect(waitingOperations([operation('RunCommand')], { server, now: HOUR })).toHaveLength(1);
  });
});
