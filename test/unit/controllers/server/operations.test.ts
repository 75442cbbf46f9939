import { describe, expect, it } from 'vitest';
import type { OperationType, ServerOperation } from '../../../../src/api/serverOperation.ts';
import { waitingOperations } from '../../../../src/controllers/server/operations.ts';

const HOUR = 3600_000;

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
      expect(waitingOperations([operation(type)], HOUR - 1)).toHaveLength(1);
      expect(waitingOperations([operation(type)], HOUR)).toEqual([]);
    }
    expect(waitingOperations([operation('Fix', { phase: 'Running' })], HOUR)).toHaveLength(1);
  });

  it('keep acts, which may have begun by now', () => {
    expect(waitingOperations([operation('RunCommand')], HOUR)).toHaveLength(1);
  });
});
