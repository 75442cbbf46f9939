import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync, chmodSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Reason } from '../../../src/api/reasons.ts';
import { ReconcileError } from '../../../src/lib/errors.ts';
import { claim, relationOf, removeAgent, takeOver, type Claim, type Owner } from '../../../src/host/ownership.ts';
import { localSession, shells, type LocalSession } from '../../support/localSession.ts';

const sessions: LocalSession[] = [];
afterEach(() => sessions.splice(0).forEach((session) => session.remove()));

function open(options: Parameters<typeof localSession>[0] = {}): LocalSession {
  const session = localSession(options);
  sessions.push(session);
  return session;
}

const owner = (over: Partial<Owner> & { transitions?: number; lease?: string } = {}): Owner => ({
  installation: over.installation ?? 'installation-1',
  server: over.server ?? 'server-1',
  token: { lease: over.lease ?? 'lease-1', transitions: over.transitions ?? 3 },
});
const holding = (wanted: Owner, stillHeld = true): Claim => ({
  owner: wanted,
  stillHeld: () => Promise.resolve(stillHeld),
});
const ownerFile = (session: LocalSession): string => readFileSync(join(session.stateDirectory, 'owner'), 'utf8');

async function reasonOf(act: Promise<unknown>): Promise<Reason | 'done'> {
  try {
    await act;
    return 'done';
  } catch (error) {
    if (error instanceof ReconcileError) return error.reason;
    throw error;
  }
}

describe.each(shells)('ownership under $name', ({ shell }) => {
  it('claims a free host and writes who owns it, readable by all, with a lock that only root can take', async () => {
    const session = open({ shell });
    await claim(session, holding(owner()));
    expect(ownerFile(session)).toBe(
      'version=1\ninstallation=installation-1\nserver=server-1\nlease=lease-1\ntransitions=3\n',
    );
    expect((statSync(join(session.stateDirectory, 'owner')).mode & 0o777).toString(8)).toBe('644');
    expect((statSync(join(session.stateDirectory, 'lock')).mode & 0o777).toString(8)).toBe('600');
  });

  it('writes nothing when the host is ours already', async () => {
    const session = open({ shell });
    await claim(session, holding(owner()));
    const before = statSync(join(session.stateDirectory, 'owner'));
    await claim(session, holding(owner()));
    const after = statSync(join(session.stateDirectory, 'owner'));
    expect([after.ino, after.ctimeMs]).toEqual([before.ino, before.ctimeMs]);
  });

  it.each<{ name: string; first: Owner; then: Owner; stillHeld?: boolean; result: Reason | 'done'; kept: Owner }>([
    {
      name: 'refuses another installation',
      first: owner({ installation: 'other' }),
      then: owner(),
      result: 'OwnedByAnother',
      kept: owner({ installation: 'other' }),
    },
    {
      name: 'refuses another Server of the same installation',
      first: owner({ server: 'other' }),
      then: owner(),
      result: 'OwnedByAnother',
      kept: owner({ server: 'other' }),
    },
    {
      name: 'refuses a holder whose token is lower than the stored one',
      first: owner({ transitions: 4 }),
      then: owner({ transitions: 3 }),
      result: 'OwnershipLost',
      kept: owner({ transitions: 4 }),
    },
    {
      name: 'raises the token of a newer holder',
      first: owner({ transitions: 9 }),
      then: owner({ transitions: 10 }),
      result: 'done',
      kept: owner({ transitions: 10 }),
    },
    {
      name: 'overwrites the token of another Lease when ours is still held, even with fewer transitions',
      first: owner({ lease: 'lease-0', transitions: 7 }),
      then: owner({ transitions: 1 }),
      stillHeld: true,
      result: 'done',
      kept: owner({ transitions: 1 }),
    },
    {
      name: 'leaves the token of another Lease when ours is not held any more',
      first: owner({ lease: 'lease-0', transitions: 7 }),
      then: owner(),
      stillHeld: false,
      result: 'ShardNotHeld',
      kept: owner({ lease: 'lease-0', transitions: 7 }),
    },
  ])('$name', async ({ first, then, stillHeld, result, kept }) => {
    const session = open({ shell });
    await claim(session, holding(first));
    expect(await reasonOf(claim(session, holding(then, stillHeld)))).toBe(result);
    expect(ownerFile(session)).toContain(
      `installation=${kept.installation}\nserver=${kept.server}\nlease=${kept.token.lease}`,
    );
    expect(ownerFile(session)).toContain(`transitions=${kept.token.transitions}\n`);
  });

  it('takes a host over from another installation', async () => {
    const session = open({ shell });
    await claim(session, holding(owner({ installation: 'other', transitions: 99 })));
    await takeOver(session, owner());
    expect(ownerFile(session)).toContain('installation=installation-1\n');
    expect(ownerFile(session)).toContain('transitions=3\n');
  });

  it.each(['', 'version=2\ninstallation=a\n', 'installation=$(touch /tmp/x)\n', `transitions=${'9'.repeat(40)}\n`])(
    'refuses a host whose owner file is %j, and takes it over',
    async (content) => {
      const session = open({ shell });
      mkdirSync(session.stateDirectory);
      writeFileSync(join(session.stateDirectory, 'owner'), content);
      expect(await reasonOf(claim(session, holding(owner())))).toBe('OwnedByAnother');
      expect(ownerFile(session)).toBe(content);
      await takeOver(session, owner());
      expect(ownerFile(session)).toContain('server=server-1\n');
    },
  );

  it("does not take a host where nothing can be written for somebody else's", async () => {
    const session = open({ shell });
    writeFileSync(session.stateDirectory, '');
    await expect(claim(session, holding(owner()))).rejects.toMatchObject({
      reason: 'StepFailed',
      message: expect.stringContaining('Nothing can be written below /var/lib/hostler') as string,
    });
  });

  it('lets one of many claims of different Servers win and refuses the others', async () => {
    const session = open({ shell });
    const servers = ['a', 'b', 'c', 'd', 'e', 'f'];
    const results = await Promise.all(servers.map((server) => reasonOf(claim(session, holding(owner({ server }))))));
    expect(results.filter((result) => result === 'done')).toHaveLength(1);
    expect(results.filter((result) => result === 'OwnedByAnother')).toHaveLength(servers.length - 1);
    expect(ownerFile(session)).toContain(`server=${servers[results.indexOf('done')]}\n`);
  });

  it('removes everything, and a second time finds nothing to do', async () => {
    const session = open({ shell });
    await claim(session, holding(owner()));
    writeFileSync(join(session.stateDirectory, 'docker-holds'), 'x');
    await removeAgent(session, holding(owner()));
    expect(existsSync(session.stateDirectory)).toBe(false);
    await removeAgent(session, holding(owner()));
    expect(existsSync(session.stateDirectory)).toBe(false);
  });

  it("does not remove another Server's files", async () => {
    const session = open({ shell });
    await claim(session, holding(owner({ server: 'other' })));
    expect(await reasonOf(removeAgent(session, holding(owner())))).toBe('OwnedByAnother');
    expect(ownerFile(session)).toContain('server=other\n');
  });
});

describe('the lock', () => {
  it('is waited for, and given up on after ten seconds', { timeout: 30_000 }, async () => {
    const session = open();
    await claim(session, holding(owner()));
    const holder = spawn('flock', [join(session.stateDirectory, 'lock'), 'sleep', '14'], { detached: true });
    try {
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await reasonOf(claim(session, holding(owner({ transitions: 4 }))))).toBe('WaitingForJob');
      expect(ownerFile(session)).toContain('transitions=3\n');
    } finally {
      process.kill(-holder.pid!, 'SIGKILL');
    }
  });

  it('works by hard link where flock is missing, and outlives a holder that was killed', async () => {
    const bin = open().stateDirectory;
    mkdirSync(bin);
    for (const tool of ['cat', 'chmod', 'df', 'head', 'ln', 'mkdir', 'mv', 'rm', 'sleep', 'sync', 'tr', 'grep']) {
      const found = process.env['PATH']!.split(delimiter).find((path) => existsSync(join(path, tool)))!;
      symlinkSync(join(found, tool), join(bin, tool));
    }
    const session = open({ shell: ['/bin/dash'], env: { PATH: bin } });
    const servers = ['a', 'b', 'c', 'd'];
    const results = await Promise.all(servers.map((server) => reasonOf(claim(session, holding(owner({ server }))))));
    expect(results.filter((result) => result === 'done')).toHaveLength(1);
    expect(existsSync(join(session.stateDirectory, 'lock.held'))).toBe(false);
    writeFileSync(join(session.stateDirectory, 'lock.held'), '999999999 12345 dead-boot/1\n');
    chmodSync(join(session.stateDirectory, 'lock.held'), 0o600);
    const winner = servers[results.indexOf('done')]!;
    expect(await reasonOf(claim(session, holding(owner({ server: winner, transitions: 8 }))))).toBe('done');
    expect(ownerFile(session)).toContain('transitions=8\n');
  });
});

describe('relationOf', () => {
  it.each([
    [{ state: 'Free' } as const, 'Free'],
    [{ state: 'Unreadable' } as const, 'Unknown'],
    [{ state: 'Invalid' } as const, 'Another'],
    [{ state: 'Owned', ...owner() } as const, 'Ours'],
    [{ state: 'Owned', ...owner({ transitions: 2 }) } as const, 'Ours'],
    [{ state: 'Owned', ...owner({ transitions: 4 }) } as const, 'HigherToken'],
    [{ state: 'Owned', ...owner({ lease: 'other' }) } as const, 'OtherLease'],
    [{ state: 'Owned', ...owner({ server: 'other' }) } as const, 'Another'],
  ])('judges %j as %s', (found, relation) => {
    expect(relationOf(found, owner())).toBe(relation);
  });
});
