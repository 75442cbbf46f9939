import { describe, expect, it } from 'vitest';
import type { ServerOperation } from '../../../../src/api/serverOperation.ts';
import {
  ServerOperationReconciler,
  type ServerOperationDeps,
} from '../../../../src/controllers/serverOperation/reconciler.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { serverWith } from '../../../support/serverScope.ts';

/** Looks at a RunCommand that began on the Server with that UID. @returns its status afterwards. */
async function lookAt(serverUID: string): Promise<ServerOperation['status']> {
  let operation: ServerOperation = {
    apiVersion: 'hostler.dev/v1alpha1',
    kind: 'ServerOperation',
    metadata: { namespace: 'acme', name: 'one', uid: 'uid-one', generation: 1 },
    spec: { serverRef: { name: 'eu-1' }, type: 'RunCommand', runCommand: { script: 'true' } },
    status: { phase: 'Running', serverUID },
  };
  const deps = {
    operations: { get: () => operation },
    servers: { get: () => serverWith() },
    operationStatus: {
      latest: (one: ServerOperation) => one,
      write: (one: ServerOperation, status: NonNullable<ServerOperation['status']>) => {
        operation = { ...one, status };
        return Promise.resolve(operation);
      },
    },
    events: { record: () => undefined },
    clock: new FakeClock(),
  };
  const reconciler = new ServerOperationReconciler(deps as unknown as ServerOperationDeps);
  await reconciler.reconcile({ namespace: 'acme', name: 'one' }, new AbortController().signal);
  return operation.status;
}

describe('an operation that runs', () => {
  it('is the business of its Server', async () => {
    expect(await lookAt('uid-eu-1')).toMatchObject({ phase: 'Running' });
  });

  it('ends with its Server, also where another one has the name', async () => {
    const status = await lookAt('uid-before');
    expect(status).toMatchObject({ phase: 'Failed', message: 'Server eu-1 was deleted while it ran' });
  });
});
