import { describe, expect, it } from 'vitest';
import type { OperationType, ServerOperation } from '../../../../src/api/serverOperation.ts';
import type { ServerDeps } from '../../../../src/controllers/server/deps.ts';
import type { LoginDesk } from '../../../../src/controllers/server/login.ts';
import { Remover } from '../../../../src/controllers/server/remover.ts';
import { TransientError } from '../../../../src/lib/errors.ts';
import { scopeOf, serverWith } from '../../../support/serverScope.ts';

function running(type: OperationType): ServerOperation {
  return {
    apiVersion: 'hostler.dev/v1alpha1',
    kind: 'ServerOperation',
    metadata: { namespace: 'acme', name: 'one', uid: 'uid-one', generation: 1 },
    spec: { serverRef: { name: 'eu-1' }, type },
    status: { phase: 'Running' },
  };
}

/** Removes a Server with Retain whose host does not answer. @returns whether it may go at once. */
async function goesBeside(type: OperationType): Promise<boolean> {
  const server = serverWith();
  const metadata = { ...server.metadata, deletionTimestamp: new Date(0).toISOString() };
  const scope = scopeOf({ server: { ...server, metadata }, operations: [running(type)] });
  const away = new TransientError('NoRoute', 'No route.');
  const desk = { logIn: () => Promise.resolve({ outcome: 'failed', error: away }) };
  const remover = new Remover({} as ServerDeps, desk as unknown as LoginDesk, () => Promise.resolve());
  await remover.remove(scope);
  return scope.removed;
}

describe('a Server that is deleted with deletionPolicy Retain', () => {
  it.each(['Reboot', 'PowerOff', 'Fix'] as const)('waits for no host because of %s', async (type) => {
    expect(await goesBeside(type)).toBe(true);
  });

  it.each(['RunCommand', 'Cleanup'] as const)('waits for the host on which a %s may run', async (type) => {
    expect(await goesBeside(type)).toBe(false);
  });
});
