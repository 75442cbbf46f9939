import { describe, expect, it } from 'vitest';
import type { Sshd } from '../../../../src/api/hardeningSpec.ts';
import { effectiveServer } from '../../../../src/api/effective.ts';
import type { ServerSpec } from '../../../../src/api/serverSpec.ts';
import type { HostFacts } from '../../../../src/host/facts.ts';
import { Records, type Entry } from '../../../../src/host/records.ts';
import { sshd as task } from '../../../../src/host/tasks/sshd/task.ts';
import type { Difference } from '../../../../src/host/task.ts';

const HOST: HostFacts = { packageManager: 'apt', initSystem: 'systemd', fileSystems: [], owner: { state: 'Free' } };
const FRESH = {
  sshd: '/usr/sbin/sshd',
  effective: `port 22
listenaddress [::]:22
listenaddress 0.0.0.0:22
maxauthtries 6
clientaliveinterval 0
clientalivecountmax 3
permitrootlogin without-password
passwordauthentication yes
kbdinteractiveauthentication no`,
  main: 'Include /etc/ssh/sshd_config.d/*.conf\n',
  listeners: `LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=46,fd=3))
LISTEN 0 128 [::]:22 [::]:* users:(("sshd",pid=46,fd=4))`,
};
const HEADER = '# Kept by Hostler (spec.hardening.sshd of the Server). Without it sshd goes back to its other files.\n';

type Found = Partial<Record<keyof typeof FRESH | 'drop-in' | 'lines' | 'sockets' | 'socket.ssh' | 'unread', string>>;

function diff(sshd: Sshd, found: Found = {}, spec: Partial<ServerSpec> = {}, host = HOST): Difference {
  const ssh = { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } };
  const server = { spec: { addresses: [], ssh, hardening: { sshd }, ...spec } };
  const entries = Object.entries({ ...FRESH, ...found }).map(([name, text]): [string, Entry] => [
    name,
    { status: 0, text },
  ]);
  const have = task.facts[0]!.parse(new Records(new Map(entries)));
  return task.diff(task.want(effectiveServer(server))!, have, host);
}

const contentOf = ({ changes }: Difference): unknown => changes[0]?.params['content'];
const obstacleOf = ({ changes, obstacles }: Difference): { reason: string; message: string; terminal: boolean } => {
  expect(changes).toEqual([]);
  return obstacles[0]!;
};

describe('sshd', () => {
  it('has nothing to do where the host is as declared, whoever made it so', () => {
    expect(diff({})).toEqual({ changes: [], obstacles: [] });
    expect(diff({ ports: [22], permitRootLogin: 'KeyOnly', maxAuthTries: 6 })).toEqual({ changes: [], obstacles: [] });
  });

  it('writes all that is declared, and says what changes, from what, to what and why', () => {
    const found = diff({ ports: [2222, 22], passwordAuthentication: 'Disabled', permitRootLogin: 'KeyOnly' });
    expect(found.changes).toMatchObject([
      {
        what: 'set Port, PasswordAuthentication in /etc/ssh/sshd_config.d/00-hostler.conf and reload sshd',
        from: 'Port 22; PasswordAuthentication yes',
        to: 'Port 22, 2222; PasswordAuthentication no',
        why: 'spec.hardening.sshd has ports, passwordAuthentication',
        disruption: 'Reload',
      },
    ]);
    expect(contentOf(found)).toBe(
      `${HEADER}Port 22\nPort 2222\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n`,
    );
  });

  it('turns off keyboard-interactive by its old name where sshd has it', () => {
    const effective = `${FRESH.effective}\nchallengeresponseauthentication yes`;
    expect(contentOf(diff({ passwordAuthentication: 'Disabled' }, { effective }))).toContain(
      'ChallengeResponseAuthentication no\n',
    );
  });

  it('keeps in its file what is not declared any more', () => {
    const dropIn = `${HEADER}Port 22\nMaxAuthTries 3\nClientAliveInterval 60`;
    expect(contentOf(diff({ maxAuthTries: 4 }, { 'drop-in': dropIn }))).toBe(
      `${HEADER}MaxAuthTries 4\nPort 22\nClientAliveInterval 60\n`,
    );
  });

  it('leaves a port to the file that opens it already', () => {
    const lines = '/etc/ssh/sshd_config:14:Port 22';
    expect(contentOf(diff({ ports: [22, 2222] }, { lines }))).toBe(`${HEADER}Port 2222\n`);
  });

  it.each([
    { name: 'no Include', main: 'PasswordAuthentication yes\n', include: true },
    { name: 'an Include of other files', main: 'Include /etc/ssh/other/*.conf\n', include: true },
    {
      name: 'an Include in a Match block',
      main: 'Match User a\nInclude /etc/ssh/sshd_config.d/*.conf\n',
      include: true,
    },
    { name: 'a relative Include among others', main: 'include a "sshd_config.d/*.conf"\n', include: false },
    { name: 'an Include by =', main: ' Include=/etc/ssh/sshd_config.d/*\n', include: false },
  ])('asks for an Include ($include) where the main file has $name', ({ main, include }) => {
    expect(diff({ maxAuthTries: 3 }, { main }).changes[0]?.params).toMatchObject({ include });
  });

  it('names the first line that decides instead, once its own files are in place', () => {
    const found = {
      'drop-in': `${HEADER}MaxAuthTries 3`,
      lines:
        '/etc/ssh/sshd_config.d/00-a.conf:2:  maxauthtries 6 # mine\n/etc/ssh/sshd_config.d/00-hostler.conf:2:MaxAuthTries 3',
    };
    expect(obstacleOf(diff({ maxAuthTries: 3 }, found))).toMatchObject({
      reason: 'ForeignConfig',
      message:
        'spec.hardening.sshd.maxAuthTries asks for MaxAuthTries 3, but sshd has 6: sshd takes the first value that it reads. Look at /etc/ssh/sshd_config.d/00-a.conf:2 (6), and take that line out on the host.',
    });
  });

  it('tells sshd again when nobody listens on a port that its files name', () => {
    const found = {
      'drop-in': `${HEADER}Port 22\nPort 2222`,
      effective: FRESH.effective.replace(
        'listenaddress 0.0.0.0:22',
        'listenaddress 0.0.0.0:22\nlistenaddress 0.0.0.0:2222',
      ),
    };
    expect(diff({ ports: [22, 2222] }, found).changes).toHaveLength(1);
  });

  it('puts the ports into the socket unit where that listens', () => {
    const sockets =
      'Accept=no\nListen=[::]:22 (Stream)\nId=ssh.socket\nActiveState=active\n\nId=sshd.socket\nActiveState=inactive';
    const { changes } = diff({ ports: [22, 2222] }, { sockets });
    expect(changes[0]?.params).toMatchObject({
      unit: 'ssh.socket',
      listen: expect.stringContaining('[Socket]\nListenStream=\nListenStream=22\nListenStream=2222\n') as string,
    });
    expect(task.apply(changes[0]!, HOST)).toMatchObject({
      files: ['/etc/ssh/sshd_config.d/00-hostler.conf', '/etc/systemd/system/ssh.socket.d/zz-hostler.conf'],
    });
  });
});

describe('sshd refuses', () => {
  const password = { user: 'root', auth: { passwordSecretRef: { name: 'pw' } } };
  it.each([
    {
      sshd: { passwordAuthentication: 'Disabled' },
      ssh: password,
      fields: ['passwordAuthentication', 'passwordSecretRef'],
    },
    {
      sshd: { permitRootLogin: 'KeyOnly' },
      ssh: password,
      fields: ['permitRootLogin', 'spec.ssh.auth.passwordSecretRef'],
    },
    { sshd: { permitRootLogin: 'Denied' }, ssh: undefined, fields: ['permitRootLogin', 'spec.ssh.user'] },
  ] as const)('$sshd, which would shut out its own login', ({ sshd, ssh, fields }) => {
    const { reason, message, terminal } = obstacleOf(diff(sshd, {}, ssh === undefined ? {} : { ssh }));
    expect({ reason, terminal }).toEqual({ reason: 'InvalidSpec', terminal: true });
    for (const field of fields) expect(message).toContain(field);
  });

  it('to work where nothing would take a change back', () => {
    expect(obstacleOf(diff({ maxAuthTries: 3 }, {}, {}, { ...HOST, initSystem: 'openrc' }))).toMatchObject({
      reason: 'Unsupported',
    });
  });

  it('a port that another process holds', () => {
    const listeners = `${FRESH.listeners}\nLISTEN 0 5 *:2222 *:* users:(("nginx",pid=812,fd=6))`;
    expect(obstacleOf(diff({ ports: [22, 2222] }, { listeners })).message).toContain('nginx (pid 812) holds that port');
  });

  it('to reload what somebody else wrote and nobody tried', () => {
    const unread = '/etc/ssh/sshd_config.d/60-users.conf';
    expect(obstacleOf(diff({ maxAuthTries: 3 }, { unread })).message).toContain(`Somebody changed ${unread} after`);
    expect(diff({ maxAuthTries: 6 }, { unread }).obstacles).toEqual([]);
  });
});
