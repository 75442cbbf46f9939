import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/ssh/connect.ts';
import type { ConnectOptions } from '../../src/ssh/connectOptions.ts';
import { SessionPool } from '../../src/ssh/pool.ts';
import type { Connection } from '../../src/ssh/session.ts';
import { SUITES } from '../hosts/aptSources.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';

const PASSWORD = 'canary-p\'w $(id) "ü';

/** A password with quotes, a substitution and an umlaut, as sudo and PAM on real hosts see it. */
describe.each(SUITES)('a login on Debian %s', (suite) => {
  let fleet: Fleet;
  let host: Host;
  let key: string;
  const open: Connection[] = [];

  beforeAll(async () => {
    fleet = await Fleet.create();
    key = await readFile(fleet.keyFile, 'utf8');
    const authorizedKeys = [(await readFile(`${fleet.keyFile}.pub`, 'utf8')).trim()];
    host = await fleet.up({
      suite,
      users: [
        { name: 'free', sudo: 'NOPASSWD', authorizedKeys },
        { name: 'asked', password: PASSWORD, sudo: 'password', authorizedKeys },
        { name: 'plain', password: PASSWORD, sudo: 'none', authorizedKeys },
        { name: 'bound', sudo: 'NOPASSWD', authorizedKeys },
        { name: 'doer', authorizedKeys },
      ],
    });
    await host.run(`
      echo 'Defaults:bound requiretty' >/etc/sudoers.d/bound-tty
      chmod 440 /etc/sudoers.d/bound-tty
      apt-get update -q && apt-get install -qy --no-install-recommends doas tcsh fish zsh
      echo 'permit nopass doer as root' >/etc/doas.conf
    `);
  });
  afterEach(() => {
    for (const connection of open.splice(0)) connection.close();
  });
  afterAll(async () => fleet.down());

  async function logIn(user: string, changes: Partial<ConnectOptions> = {}): Promise<Connection> {
    const connection = await connect({
      addresses: [{ type: 'IPv4', address: host.address }],
      port: host.port,
      user,
      trust: () => ({ keys: [], policy: 'TrustOnFirstUse', store: () => Promise.resolve() }),
      credential: () => Promise.resolve({ kind: 'key', privateKey: key }),
      privilege: { mode: 'Auto' },
      ...changes,
    });
    open.push(connection);
    return connection;
  }
  const sudoPassword = (password: string | undefined): Pick<ConnectOptions, 'privilege'> => ({
    privilege: { mode: 'Auto', password: () => Promise.resolve(password) },
  });
  /** Reloading replaces the listener: for a moment nothing listens. */
  const configure = async (...lines: string[]): Promise<void> => {
    await host.run(`printf '%s\\n' "$@" >/etc/ssh/sshd_config.d/00-test.conf; systemctl reload ssh; sleep 1`, {
      args: lines,
    });
    await host.waitForSsh();
  };
  const whoami = (session: Connection) => session.run({ name: 'whoami', text: 'id -un; printf %s "$HOME"' });

  describe('privilege', () => {
    it.each([
      ['root', { kind: 'root' }, {}],
      ['free', { kind: 'sudo', withPassword: false }, {}],
      ['asked', { kind: 'sudo', withPassword: true }, sudoPassword(PASSWORD)],
      ['doer', { kind: 'doas' }, { privilege: { mode: 'Doas' } }],
      ['doer', { kind: 'doas' }, {}],
    ] as const)('of %s is %j', async (user, privilege, changes) => {
      const session = await logIn(user, changes);
      expect(session.privilegeFailure).toBeUndefined();
      expect(session.privilege).toEqual(privilege);
      expect(await whoami(session)).toMatchObject({ exitCode: 0, stdout: 'root\n/root' });
      const asUser = await session.run({ name: 'whoami', text: 'id -un' }, { asUser: true });
      expect(asUser.stdout).toBe(`${user}\n`);
    });

    it.each([
      ['asked', sudoPassword(undefined), 'PasswordRequired', 'passwordSecretRef'],
      ['asked', sudoPassword('wrong'), 'PasswordRequired', 'right password'],
      ['plain', sudoPassword(PASSWORD), 'NotInSudoers', 'sudoers'],
      ['bound', {}, 'TTYRequired', '!requiretty'],
      ['free', { privilege: { mode: 'None' } }, 'ManualRootStepsRequired', 'by hand'],
      ['free', { privilege: { mode: 'Doas' } }, 'NotInSudoers', 'doas.conf'],
    ] as const)('of %s with %j cannot be had: %s', async (user, changes, reason, remedy) => {
      const session = await logIn(user, changes);
      expect(session.privilege).toEqual({ kind: 'none' });
      expect(session.privilegeFailure).toMatchObject({ reason });
      expect(session.privilegeFailure?.advice).toContain(remedy);
      expect(session.privilegeFailure?.advice).not.toContain('canary');
      await expect(whoami(session)).rejects.toMatchObject({ reason });
      // what needs no root still works
      expect(await session.run({ name: 'x', text: 'id -un' }, { asUser: true })).toMatchObject({ stdout: `${user}\n` });
    });

    it.each([3, 1])('tries a wrong sudo password once in a session of %i tries', async (tries) => {
      await host.run('umask 0227; echo "Defaults:asked passwd_tries=$1" >/etc/sudoers.d/asked-tries', {
        args: [String(tries)],
      });
      await host.run('journalctl --rotate; journalctl --vacuum-time=1s');
      const session = await logIn('asked', sudoPassword('wrong'));
      // however often root is wanted
      for (let count = 0; count < 3; count++)
        await expect(whoami(session)).rejects.toMatchObject({ reason: 'PasswordRequired' });
      await session.recheckPrivilege({ minAgeMs: 0, forced: false });
      const failures = await host.run("journalctl -q --no-pager -t sudo | grep -c 'authentication failure' || :");
      expect(failures.trim()).toBe('1');
    });

    it('survives that sudo suddenly asks for the password', async () => {
      const session = await logIn('free', sudoPassword(PASSWORD));
      expect(session.privilege).toEqual({ kind: 'sudo', withPassword: false });
      await host.run(`sed -i s/NOPASSWD:// /etc/sudoers.d/*free*; printf '%s:%s' free "$1" | chpasswd`, {
        args: [PASSWORD],
      });
      expect(await whoami(session)).toMatchObject({ exitCode: 0, stdout: 'root\n/root' });
      const without = await logIn('free');
      await expect(whoami(without)).rejects.toMatchObject({ reason: 'PasswordRequired' });
      await host.addUser({ name: 'free', sudo: 'NOPASSWD' });
      await without.recheckPrivilege({ minAgeMs: 60_000, forced: false });
      await expect(whoami(without)).rejects.toMatchObject({ reason: 'PasswordRequired' });
      await without.recheckPrivilege({ minAgeMs: 0, forced: false });
      expect(await whoami(without)).toMatchObject({ exitCode: 0, stdout: 'root\n/root' });
    });
  });

  it.each(['root', 'asked'])('of %s ends the remote process at the deadline, root or not', async (user) => {
    const session = await logIn(user, sudoPassword(PASSWORD));
    const text = 'sleep 4321 & exec sh -c "trap : TERM; while :; do sleep 4321; done"';
    await expect(session.run({ name: 'hang', text }, { timeoutMs: 1_500 })).rejects.toMatchObject({
      reason: 'ConnectionTimedOut',
    });
    expect((await host.exec('sleep 1; pgrep -f "sleep 432[1]"')).stdout).toBe('');
  });

  it('of a user whose link breaks leaves nothing behind but until the deadline', async () => {
    const session = await logIn('asked', sudoPassword(PASSWORD));
    const running = session.run({ name: 'orphan', text: 'sleep 4322' }, { timeoutMs: 1_000 });
    const outcome = expect(running).rejects.toMatchObject({ reason: /ConnectionLost|ConnectionTimedOut/ });
    await host.run(
      'for _ in $(seq 50); do pgrep -f "sleep 432[2]" >/dev/null && break; sleep 0.1; done; pkill -KILL -u asked sshd; :',
    );
    await outcome;
    // the host's own watchdog: deadline + 10 s
    await host.run('for _ in $(seq 200); do pgrep -f "sleep 432[2]" >/dev/null || exit 0; sleep 0.1; done; exit 1');
  });

  it('shows no secret in any process list or environment of the host, sudo included', async () => {
    const session = await logIn('asked', sudoPassword(PASSWORD));
    const running = session.run({
      name: 'secret',
      text: 'read -r secret <&3; sleep 2; printf "%s %s" "$secret" "$1"',
      args: ['canary-argument'],
      secretInput: 'canary-secret\n',
    });
    const seen = await host.run(
      'for _ in 1 2 3 4 5 6; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr "\\0" "\\n"; sleep 0.3; done',
    );
    expect(seen).toContain('sudo');
    expect(seen).not.toContain('canary');
    expect(await running).toMatchObject({ stdout: 'canary-secret canary-argument' });
    expect((await host.exec('grep -rl canary /tmp /var/tmp /run /home /root 2>/dev/null')).stdout).toBe('');
  });

  it.each(['bash', 'tcsh', 'fish', 'zsh', 'sh'])(
    'with login shell %s that prints noise runs scripts and root alike',
    async (shell) => {
      await host.run(
        `
      usermod -s "$(command -v "$1")" asked
      home=/home/asked
      mkdir -p $home/.config/fish
      for file in .bashrc .zshenv .cshrc .config/fish/config.fish; do
        echo 'echo "noise on stdout"; echo "*** restart required ***"' >$home/$file
      done
      echo 'echo noise >&2' >>$home/.bashrc
      chown -R asked: $home/.config $home/.[bzc]*`,
        { args: [shell] },
      );
      const session = await logIn('asked', sudoPassword(PASSWORD));
      expect(await whoami(session)).toMatchObject({ exitCode: 0, stdout: 'root\n/root', stderr: '' });
      const nasty = ["'; touch /tmp/pwned; '", '$(touch /tmp/pwned)', '`touch /tmp/pwned`', '!!', '\n', 'ü'];
      const echoed = await session.run({ name: 'x', text: `printf '%s|' "$@"`, args: nasty }, { asUser: true });
      expect(echoed).toMatchObject({ stdout: nasty.map((value) => `${value}|`).join(''), stderr: '' });
      expect((await host.exec('ls /tmp/pwned')).code).not.toBe(0);
      await host.run('rm -f /home/asked/.bashrc /home/asked/.zshenv /home/asked/.cshrc; usermod -s /bin/bash asked');
    },
  );

  it('with a shell that lets nobody in says so', async () => {
    await host.run('usermod -s /usr/sbin/nologin plain');
    await expect(logIn('plain')).rejects.toMatchObject({
      reason: 'ProtocolError',
      message: expect.stringContaining('not available') as unknown,
    });
    await host.run('usermod -s /bin/bash plain');
  });

  describe('by password', () => {
    const byPassword = (password: string): Pick<ConnectOptions, 'credential'> => ({
      credential: () => Promise.resolve({ kind: 'password', password }),
    });
    it('is accepted by sshd itself', async () => {
      const session = await logIn('asked', { ...byPassword(PASSWORD), ...sudoPassword(PASSWORD) });
      expect(session.login.method).toBe('password');
      expect(await whoami(session)).toMatchObject({ stdout: 'root\n/root' });
    });

    it('is accepted by PAM, keyboard-interactive', async () => {
      await configure('PasswordAuthentication no', 'KbdInteractiveAuthentication yes', 'UsePAM yes');
      const session = await logIn('asked', byPassword(PASSWORD));
      expect(session.login.method).toBe('keyboard-interactive');
      await expect(logIn('asked', byPassword('wrong'))).rejects.toMatchObject({ reason: 'CredentialsRejected' });
    });

    it('is not even sent where passwords are off', async () => {
      await configure('PasswordAuthentication no', 'KbdInteractiveAuthentication no');
      await host.run('journalctl --rotate; journalctl --vacuum-time=1s');
      const error: unknown = await logIn('asked', byPassword(PASSWORD)).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ reason: 'CredentialsRejected', offeredMethods: ['publickey'] });
      expect(await host.run('journalctl -q --no-pager -u ssh')).not.toContain('Failed');
      await configure('');
    });
  });

  it('that meets MaxStartups is throttled, and a pool that keeps to its limits is not', async () => {
    await configure('MaxStartups 2:100:2');
    const storm = await Promise.allSettled(Array.from({ length: 15 }, () => logIn('root')));
    const refused = storm.flatMap((outcome) =>
      outcome.status === 'rejected' ? [outcome.reason as { reason: string }] : [],
    );
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused.map(({ reason }) => reason))).toEqual(new Set(['ConnectionThrottled']));
    const pool = new SessionPool();
    const sessions = await Promise.all(
      Array.from({ length: 15 }, (_, index) =>
        pool.acquire({
          owner: `server-${String(index)}`,
          key: 'k',
          address: `${host.address}:22`,
          open: () => logIn('root'),
        }),
      ),
    );
    expect(sessions.every((session) => session.alive)).toBe(true);
    for (const session of sessions) session.release();
    await pool.close();
    await configure('');
  });

  it('says which machine we come from, and proves all host keys', async () => {
    const session = await logIn('root');
    expect(session.login.clientAddress).toBe(fleet.gateway);
    expect(session.login.hostKeys.map(({ type }) => type).sort()).toEqual([
      'ecdsa-sha2-nistp256',
      'ssh-ed25519',
      'ssh-rsa',
    ]);
  });

  it('is lost within seconds when the host reboots', async () => {
    const session = await logIn('root');
    const bootId = await host.bootId();
    await host.exec('systemctl reboot');
    await session.closed;
    // the old boot is still ending
    await sleep(3_000);
    await host.waitForReboot(bootId);
    await expect(session.run({ name: 'x', text: ':' })).rejects.toMatchObject({ reason: 'ConnectionLost' });
    expect(await whoami(await logIn('root'))).toMatchObject({ stdout: 'root\n/root' });
  });
});
