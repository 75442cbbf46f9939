import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fleetName } from '../../examples/quickstart/sandbox.ts';
import { fleetNames } from '../hosts/cleanup.ts';
import { attempt, run, until } from '../hosts/command.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { CACHE } from '../hosts/paths.ts';
import { sshKeygen } from '../support/sshd.ts';
import { workingCopy, type WorkingCopy } from '../support/workingCopy.ts';

/** As a stranger's shell has it, and nothing of this process's environment besides. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The base image that the other tests have made, too. */
const CACHED = { XDG_CACHE_HOME: dirname(CACHE) };

interface Outcome {
  code: number;
  output: string;
}

interface StartOptions {
  /** Default: this process's Node. */
  argv0?: readonly string[];
  uid?: number;
  gid?: number;
  home?: string;
  input?: string;
  env?: Record<string, string>;
}

/**
 * Starts what `npm run quickstart -- …args` runs, in a process group of its own, as a terminal does: all of it the first
 * time, without the build afterwards.
 */
function start(copy: WorkingCopy, args: readonly string[], options: StartOptions = {}): ChildProcess {
  const built = existsSync(join(copy.directory, 'dist/main.js'));
  const entry = built
    ? ['--import', 'tsx', 'examples/quickstart/quickstart.ts']
    : ['examples/quickstart/bootstrap.mjs'];
  const [program = '', ...rest] = [...(options.argv0 ?? [process.execPath]), ...entry, ...args];
  const { uid, gid, home = copy.directory, input } = options;
  const child = spawn(program, rest, {
    cwd: copy.directory,
    detached: true,
    env: { PATH, HOME: home, TSX_DISABLE_CACHE: '1', ...options.env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  });
  child.stdin?.end(input);
  return child;
}

/** Its end and all it said. The pipes must close with it: what runs on holds none of them. */
async function ended(child: ChildProcess): Promise<Outcome> {
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? 128)));
  return { code, output };
}

async function quickstart(copy: WorkingCopy, args: readonly string[], options: StartOptions = {}): Promise<Outcome> {
  return ended(start(copy, args, options));
}

/** Processes whose working directory is inside `directory`. */
async function processesIn(directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const cwd = await attempt(['readlink', `/proc/${pid}/cwd`]);
    if (cwd.stdout.startsWith(directory)) found.push(pid);
  }
  return found;
}

async function expectNothingLeft(copy: WorkingCopy): Promise<void> {
  expect(existsSync(join(copy.directory, '.hostler'))).toBe(false);
  expect(await processesIn(copy.directory)).toEqual([]);
}

describe('npm run quickstart without root', () => {
  const user = `hostler-qs-${process.pid}`;
  let copy: WorkingCopy;
  let bin: string;
  let uid: number;
  let gid: number;

  beforeAll(async () => {
    await run(['useradd', '--no-create-home', '--home-dir', '/nonexistent', '--shell', '/bin/sh', user]);
    uid = Number(await run(['id', '-u', user]));
    gid = Number(await run(['id', '-g', user]));
    copy = await workingCopy({ owner: user });
    // ours may lie where another user cannot go
    bin = await mkdtemp(join(tmpdir(), 'hostler-node-'));
    chmodSync(bin, 0o755);
    await copyFile(process.execPath, join(bin, 'node'));
  });

  afterAll(async () => {
    await as([...NOTHING, '--down']);
    await copy.remove();
    await rm(bin, { recursive: true });
    await run(['userdel', user]);
  });

  const NOTHING: readonly string[] = [];
  /** The home directory does not exist, and nothing may be written beside the copy. */
  const as = (args: readonly string[], before: readonly string[] = NOTHING): Promise<Outcome> =>
    quickstart(copy, args, { argv0: [...before, join(bin, 'node')], uid, gid, home: '/nonexistent' });

  it('logs into the machine itself under Observe, twice, says what that does not show, and leaves nothing', async () => {
    const first = await as([]);
    expect(first.code, first.output).toBe(0);
    expect(first.output).toContain('server/this-machine is Ready');
    expect(first.output).toContain('cannot boot a sandbox server: booting a host needs root');
    expect(first.output).toContain('it does not show Docker being installed');
    expect(first.output).not.toMatch(/No kubectl|EACCES/);
    const second = await as([]);
    expect(second.code, second.output).toBe(0);
    expect(second.output).toContain('hostler serve runs already');
    const down = await as(['--down']);
    expect(down.code, down.output).toBe(0);
    await expectNothingLeft(copy);
    expect(
      (await attempt(['find', tmpdir(), '-maxdepth', '1', '-user', user, '-not', '-path', copy.directory])).stdout,
    ).toBe('');
  });

  it('names what is missing where no sshd is installed', async () => {
    // an empty directory over the one that holds sshd, for this process tree only
    const hide = ['unshare', '--mount', 'sh', '-c', HIDE_SSHD, 'sh', String(uid), String(gid), join(bin, 'node')];
    const { code, output } = await quickstart(copy, [], { argv0: hide, home: '/nonexistent' });
    expect(code, output).toBe(1);
    expect(output).toMatch(/sshd is not installed.*sudo apt-get install openssh-server/s);
  });
});

/** POSIX sh: $1 uid, $2 gid, then the command to run without an sshd in sight. */
const HIDE_SSHD = `set -e
for path in /usr/sbin/sshd /usr/local/sbin/sshd /usr/bin/sshd; do
  [ ! -e "$path" ] || { rm -rf "/tmp/hidden-$$"; mkdir "/tmp/hidden-$$"; cp -a "$(dirname "$path")/." "/tmp/hidden-$$/"; rm "/tmp/hidden-$$/sshd"; mount --bind "/tmp/hidden-$$" "$(dirname "$path")"; }
done
uid=$1 gid=$2; shift 2
exec setpriv --reuid "$uid" --regid "$gid" --clear-groups "$@"`;

let copy: WorkingCopy;

beforeAll(async () => {
  copy = await workingCopy();
});

afterAll(async () => {
  await quickstart(copy, ['--down']);
  await copy.remove();
});

describe('npm run quickstart as root', () => {
  it('falls back to a login to the machine itself where root may not boot a sandbox', async () => {
    const runDirectory = existsSync('/run/sshd');
    const container = ['setpriv', '--bounding-set', '-sys_admin', '--inh-caps', '-sys_admin', process.execPath];
    const up = await quickstart(copy, [], { argv0: container });
    expect(up.code, up.output).toBe(0);
    expect(up.output).toContain('root may not mount file systems here');
    expect(up.output).toContain('server/this-machine is Ready');
    expect(existsSync('/var/lib/hostler')).toBe(false);
    const down = await quickstart(copy, ['--down'], { argv0: container });
    expect(down.code, down.output).toBe(0);
    await expectNothingLeft(copy);
    expect(existsSync('/run/sshd')).toBe(runDirectory);
  });

  it('names the Debian packages that it installed and keeps, as long as they are there', async () => {
    const packages = ['openssh-client', 'hostler-no-such-package'];
    await mkdir(join(copy.directory, '.hostler'));
    await writeFile(join(copy.directory, '.hostler/quickstart.json'), JSON.stringify({ servers: [], packages }));
    const down = await quickstart(copy, ['--down']);
    expect(down.code, down.output).toBe(0);
    expect(down.output).toMatch(/Debian packages openssh-client\n.*apt-get purge openssh-client\n/);
    await expectNothingLeft(copy);
  });

  it('falls back where booting fails, says why, and boots the sandbox with the next run', async () => {
    const broken = await mkdtemp(join(tmpdir(), 'hostler-broken-'));
    await writeFile(join(broken, 'debootstrap'), '#!/bin/sh\necho no mirror today >&2\nexit 7\n', { mode: 0o755 });
    const env = { PATH: `${broken}:${PATH}`, XDG_CACHE_HOME: broken };
    try {
      const fallback = await quickstart(copy, [], { env });
      expect(fallback.code, fallback.output).toBe(0);
      expect(fallback.output).toMatch(/could not be booted: debootstrap .* exited with 7: no mirror today/);
      expect(fallback.output).toContain('server/this-machine is Ready');
      expect(await fleetNames()).not.toContain(fleetName(copy.directory));
    } finally {
      await rm(broken, { recursive: true });
    }
    const booted = await quickstart(copy, [], { env: CACHED });
    expect(booted.code, booted.output).toBe(0);
    expect(booted.output).toContain('server/sandbox-1 is Ready');
    const down = await quickstart(copy, ['--down']);
    expect(down.code, down.output).toBe(0);
    await expectNothingLeft(copy);
    expect(await fleetNames()).not.toContain(fleetName(copy.directory));
  });

  it('repairs with the next run what an interrupt left, at any moment', { timeout: 600_000 }, async () => {
    for (const moment of [/Choosing a server/, /Starting the control plane/, /Waiting for Ready/]) {
      const child = start(copy, [], { env: CACHED });
      const outcome = ended(child);
      await new Promise<void>((resolve) => {
        child.stdout?.on('data', (chunk: Buffer) => {
          if (moment.test(chunk.toString())) resolve();
        });
        child.once('close', () => resolve());
      });
      process.kill(-(child.pid ?? 0), 'SIGINT');
      expect((await outcome).code).not.toBe(0);
    }
    const again = await quickstart(copy, [], { env: CACHED });
    expect(again.code, again.output).toBe(0);
    expect(again.output).toContain('server/sandbox-1 is Ready');
    const down = await quickstart(copy, ['--down']);
    expect(down.code, down.output).toBe(0);
    await expectNothingLeft(copy);
    expect(await fleetNames()).not.toContain(fleetName(copy.directory));
  });
});

describe('npm run quickstart -- --host', () => {
  let fleet: Fleet;
  let host: Host;
  let keys: string;

  beforeAll(async () => {
    fleet = await Fleet.create();
    keys = await mkdtemp(join(tmpdir(), 'hostler-keys-'));
    const ops = sshKeygen('ed25519', { passphrase: 'open sesame' });
    await writeFile(join(keys, 'ops'), ops.privateKey, { mode: 0o600 });
    await writeFile(join(keys, 'stranger'), sshKeygen('ed25519').privateKey, { mode: 0o600 });
    const users = [{ name: 'ops', sudo: 'NOPASSWD' as const, authorizedKeys: [ops.publicKey] }];
    host = await fleet.up({ name: 'own', users });
  });

  afterAll(async () => {
    await rm(keys, { recursive: true });
    await fleet.down();
  });

  const agentIsThere = async (): Promise<boolean> => (await host.exec('test -e /var/lib/hostler')).code === 0;

  it(
    'manages a server as root, twice; --down takes Hostler away and leaves Docker and containers',
    { timeout: 600_000 },
    async () => {
      const args = ['--host', `root@${host.address}`, '--key-file', fleet.keyFile];
      for (let time = 0; time < 2; time++) {
        const up = await quickstart(copy, args);
        expect(up.code, up.output).toBe(0);
        expect(up.output).toMatch(/server\/server-[0-9-]+ is Ready/);
      }
      await host.run(RUN_CONTAINER);
      expect(await agentIsThere()).toBe(true);
      const down = await quickstart(copy, ['--down']);
      expect(down.code, down.output).toBe(0);
      await expectNothingLeft(copy);
      expect(await agentIsThere()).toBe(false);
      expect(await host.run("docker inspect -f '{{.State.Running}}' kept")).toBe('true\n');
    },
  );

  it(
    'manages it through sudo with an encrypted key, and cleans it also after its control plane was killed',
    { timeout: 600_000 },
    async () => {
      const args = ['--host', `ops@${host.address}:22`, '--key-file', join(keys, 'ops'), '--passphrase-stdin'];
      const up = await quickstart(copy, args, { input: 'open sesame\n' });
      expect(up.code, up.output).toBe(0);
      expect(await agentIsThere()).toBe(true);
      const pid = Number(await readFile(join(copy.directory, '.hostler/hostler.pid'), 'utf8'));
      process.kill(pid, 'SIGKILL');
      await until('the end of hostler serve', 5000, () => (existsSync(`/proc/${pid}`) ? undefined : true));
      const down = await quickstart(copy, ['--down']);
      expect(down.code, down.output).toBe(0);
      await expectNothingLeft(copy);
      expect(await agentIsThere()).toBe(false);
    },
  );

  it('ends soon with the remedy when the key is refused, and goes on at once with the right one', async () => {
    const began = performance.now();
    const refused = await quickstart(copy, ['--host', `root@${host.address}`, '--key-file', join(keys, 'stranger')]);
    expect(refused.code, refused.output).toBe(1);
    expect(performance.now() - began).toBeLessThan(90_000);
    expect(refused.output).toMatch(/quickstart: Authenticated: CredentialsRejected: .*Put the credential right/);
    const right = await quickstart(copy, ['--host', `root@${host.address}`, '--key-file', fleet.keyFile]);
    expect(right.code, right.output).toBe(0);
    expect((await quickstart(copy, ['--down'])).code).toBe(0);
  });

  it('ends after a while when the host does not answer, having said why meanwhile', async () => {
    const nobody = host.address.replace(/\d+$/, '250');
    const began = performance.now();
    const { code, output } = await quickstart(copy, ['--host', nobody, '--key-file', fleet.keyFile]);
    expect(code, output).toBe(1);
    expect(performance.now() - began).toBeLessThan(180_000);
    expect(output).toMatch(/Reachable +(Unknown|False) /);
    expect(output).toMatch(/quickstart: Reachable: (NoRoute|ConnectionTimedOut): /);
    const down = await quickstart(copy, ['--down']);
    expect(down.code, down.output).toBe(0);
  });

  it.each([
    { name: 'an encrypted key', args: ['--key-file', 'ops'], says: /encrypted; give its passphrase on standard input/ },
    { name: 'a key file that is not there', args: ['--key-file', 'none'], says: /there is no such file/ },
    { name: 'no key at all', args: [], says: /no private key found/ },
  ])('refuses $name before anything is made', async ({ args, says }) => {
    const resolved = args.map((arg) => (arg.startsWith('--') ? arg : join(keys, arg)));
    const { code, output } = await quickstart(copy, ['--host', host.address, ...resolved]);
    expect(code).toBe(1);
    expect(output).toMatch(says);
    expect(existsSync(join(copy.directory, '.hostler'))).toBe(false);
  });
});

const RUN_CONTAINER = `tar -C / -ch bin/sh bin/sleep lib/x86_64-linux-gnu/libc.so.6 lib64/ld-linux-x86-64.so.2 |
  docker import - tiny >/dev/null
docker run -d --name kept tiny sleep 3600`;
