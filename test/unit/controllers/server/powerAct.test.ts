import { beforeEach, describe, expect, it } from 'vitest';
import type { ServerOperation } from '../../../../src/api/serverOperation.ts';
import { ActLog } from '../../../../src/controllers/server/acts/actLog.ts';
import type { ActResult } from '../../../../src/controllers/server/acts/act.ts';
import { PowerAct } from '../../../../src/controllers/server/acts/powerAct.ts';
import type { Scope } from '../../../../src/controllers/server/scope.ts';
import { exitCodes } from '../../../../src/host/exitCodes.ts';
import type { HostFacts } from '../../../../src/host/facts.ts';
import type { EventRecorder } from '../../../../src/kube/eventRecorder.ts';
import type { StatusWriter } from '../../../../src/kube/statusWriter.ts';
import { TransientError, WaitingError } from '../../../../src/lib/errors.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { FakeSession } from '../../../support/fakeSession.ts';
import { claimDeps, emptyMemory, observed, scopeOf } from '../../../support/serverScope.ts';

const MINUTE = 60_000;
const away = new TransientError('NoRoute', 'There is no way to 203.0.113.10.');

let clock: FakeClock;
let session: FakeSession<{ containers: string; restarted: boolean }>;
let operation: ServerOperation;
let memory: Scope['memory'];

/** A host whose containers are what the test says; it remembers what it was told. */
beforeEach(() => {
  clock = new FakeClock();
  memory = emptyMemory();
  operation = {
    apiVersion: 'hostler.dev/v1alpha1',
    kind: 'ServerOperation',
    metadata: { namespace: 'acme', name: 'again', uid: 'uid-again', generation: 1 },
    spec: { serverRef: { name: 'eu-1' }, type: 'Reboot' },
  };
  session = new FakeSession<{ containers: string; restarted: boolean }>(
    {
      standing: ({ containers }, { args: [nonce = ''] = [] }) => {
        const record = (name: string, text: string) => `\n${nonce} 0.${name} 0 ${text.length}\n${text}`;
        return `${record('system', 'running')}${record('failed', '')}${record('containers', containers)}\n${nonce} end\n`;
      },
      reboot: ({ restarted }) => ({ exitCode: restarted ? exitCodes.restarted : 0 }),
      poweroff: () => '',
    },
    { containers: 'always running - /web\nno running - /once', restarted: false },
  );
});

function scopeAt(bootID: string, facts: Partial<HostFacts> = {}): Scope {
  return observed(scopeOf({ now: clock.now(), memory, operations: [operation] }), { bootID, ...facts });
}

const status = {
  latest: (one: ServerOperation) => one,
  write: (_: ServerOperation, written: ServerOperation['status']) => {
    operation = { ...operation, ...(written && { status: written }) };
    return Promise.resolve(operation);
  },
} as unknown as StatusWriter<ServerOperation>;
const events = { record: () => undefined } as unknown as EventRecorder;

const deps = () => ({ clock, ...claimDeps });
const runAt = (bootID: string, facts?: Partial<HostFacts>) => {
  const scope = scopeAt(bootID, facts);
  const log = new ActLog({ operationStatus: status, events, clock }, operation, scope.signal);
  return { scope, session, operation, log };
};

async function begin(verb: 'reboot' | 'poweroff' = 'reboot'): Promise<void> {
  const run = runAt('boot-1');
  await new PowerAct(deps(), verb).prepare(run);
  await run.log.begin(run.scope.server.metadata.uid);
}

/** One run of the Server: as a new process would make it, and with what it wrote acknowledged. */
async function look(
  bootID: string,
  { verb = 'reboot', facts }: { verb?: 'reboot' | 'poweroff'; facts?: Partial<HostFacts> } = {},
): Promise<ActResult> {
  const run = runAt(bootID, facts);
  const result = await new PowerAct(deps(), verb).carryOn(run);
  if (result.kind === 'ended') await run.log.end(result.ending);
  return result;
}

const sent = () => session.ran.filter((name) => name === 'reboot' || name === 'poweroff').length;

describe('Reboot', () => {
  it('writes down the boot id and the containers that must come back, before anything is sent', async () => {
    await begin();
    expect(operation.status).toMatchObject({
      phase: 'Running',
      bootIDs: ['boot-1'],
      before: { failedUnits: [], containers: ['web'] },
    });
    expect(sent()).toBe(0);
  });

  it('waits while a package manager works', async () => {
    const busy = { packageLocks: [{ pid: 7, path: '/var/lib/dpkg/lock', process: 'apt-get' }] };
    await expect(new PowerAct(deps(), 'reboot').prepare(runAt('boot-1', busy))).rejects.toThrow(WaitingError);
  });

  it('succeeds by another boot id with all containers up, and says what it saw', async () => {
    await begin();
    expect(await look('boot-1')).toMatchObject({ kind: 'running' });
    expect(sent()).toBe(1);
    await clock.advance(20_000);
    expect(await look('boot-2')).toMatchObject({
      ending: {
        phase: 'Succeeded',
        message: 'the host restarted in 20 s; the kernel, 1 containers and all units are as they should be',
      },
    });
    expect(operation.status?.bootIDs).toEqual(['boot-1', 'boot-2']);
  });

  it('is not repeated where the host knows that it restarted for it, as after a restore of a backup', async () => {
    session.state.restarted = true;
    await begin();
    expect(await look('boot-1')).toMatchObject({ ending: { phase: 'AlreadyRan' } });
  });

  it('sends again only after a minute with the same boot id, and never to a host that has restarted', async () => {
    await begin();
    await look('boot-1');
    await look('boot-1');
    expect(sent()).toBe(1);
    await clock.advance(MINUTE);
    await look('boot-1');
    expect(sent()).toBe(2);
    delete memory.powerSent;
    await look('boot-2');
    expect(sent()).toBe(2);
  });

  it('gives up on a host that does not restart', async () => {
    await begin();
    await look('boot-1');
    await clock.advance(15 * MINUTE);
    expect(await look('boot-1')).toMatchObject({ ending: { phase: 'Failed', reason: 'RebootFailed' } });
    expect(sent()).toBe(1);
  });

  it('waits for containers to come up, and fails by naming those that do not', async () => {
    await begin();
    await look('boot-1');
    session.state.containers = 'always exited - /web';
    expect(await look('boot-2')).toMatchObject({ kind: 'running' });
    expect(operation.status?.message).toBe('the host is back; container web is not up');
    await clock.advance(5 * MINUTE);
    expect(await look('boot-2')).toMatchObject({
      ending: { phase: 'Failed', reason: 'RebootFailed', message: expect.stringContaining('container web') as unknown },
    });
  });

  it.each([
    ['web is unhealthy', 'always running unhealthy - /web'],
    ['web is being checked', 'always running starting /web'],
  ])('does not succeed while %s', async (_, containers) => {
    await begin();
    session.state.containers = containers;
    expect(await look('boot-2')).toMatchObject({ kind: 'running' });
  });

  it('does not succeed with another kernel than the newest installed one', async () => {
    await begin();
    expect(await look('boot-2', { facts: { kernel: '6.1.0-1', installedKernel: '6.1.0-2' } })).toMatchObject({
      kind: 'running',
    });
    expect(operation.status?.message).toContain('kernel 6.1.0-1 runs instead of 6.1.0-2');
  });

  it('stops at a host that restarts by itself again and again', async () => {
    await begin();
    session.state.containers = '';
    await look('boot-2');
    expect(await look('boot-3')).toMatchObject({
      ending: { phase: 'Failed', message: expect.stringContaining('again and again') as unknown },
    });
    expect(sent()).toBe(0);
  });

  it('expects the host to be away, and gives up after 15 minutes', async () => {
    await begin();
    const act = new PowerAct(deps(), 'reboot');
    expect(act.away(runAt('boot-1'), away)).toMatchObject({ kind: 'expected', error: { reason: 'Rebooting' } });
    await clock.advance(15 * MINUTE);
    expect(act.away(runAt('boot-1'), away)).toMatchObject({
      kind: 'ended',
      ending: { reason: 'RebootFailed', message: expect.stringContaining('did not come back') as unknown },
    });
  });
});

describe('PowerOff', () => {
  it('succeeds when the host is silent, not while it only refuses', async () => {
    await begin('poweroff');
    await look('boot-1', { verb: 'poweroff' });
    await clock.advance(MINUTE);
    const act = new PowerAct(deps(), 'poweroff');
    const refused = new TransientError('ConnectionRefused', 'Nothing listens.');
    expect(act.away(runAt('boot-1'), refused)).toMatchObject({ kind: 'expected' });
    expect(act.away(runAt('boot-1'), away)).toMatchObject({ ending: { phase: 'Succeeded' } });
  });

  it.each([
    ['it refuses', 'ConnectionRefused'],
    ['its name does not resolve', 'NameResolutionFailed'],
    ['its jump host is away', 'DependencyNotReady'],
  ] as const)('gives up after 15 minutes in which nobody could see whether it is off, as %s', async (_, reason) => {
    await begin('poweroff');
    const act = new PowerAct(deps(), 'poweroff');
    const unclear = new TransientError(reason, 'Nobody gets there.');
    await clock.advance(15 * MINUTE - 1);
    expect(act.away(runAt('boot-1'), unclear)).toMatchObject({ kind: 'expected', error: { reason: 'Rebooting' } });
    await clock.advance(1);
    expect(act.away(runAt('boot-1'), unclear)).toMatchObject({
      ending: {
        phase: 'Failed',
        reason: 'PowerOffFailed',
        message: expect.stringMatching(/not known .* Nobody gets there\./) as unknown,
      },
    });
    expect(act.away(runAt('boot-1'), away)).toMatchObject({ ending: { phase: 'Succeeded' } });
  });

  it('succeeds when the host was started again meanwhile, and sends nothing to it', async () => {
    await begin('poweroff');
    expect(await look('boot-2', { verb: 'poweroff' })).toMatchObject({ ending: { phase: 'Succeeded' } });
    expect(sent()).toBe(0);
  });
});
