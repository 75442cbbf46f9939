import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Fleet } from '../hosts/fleet.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { checkInvariants, expectInvariants } from '../support/invariants.ts';

let fleet: Fleet;
let plane: ControlPlane;

beforeAll(async () => {
  fleet = await Fleet.create();
  plane = await startControlPlane(['--health-interval', '2s', '--drift-interval', '4s']);
});

afterAll(async () => {
  await plane.remove();
  await fleet.down();
});

const PASSWORD = 'a-horse-that-is-known';

/** Each of these is a trace of a bug. */
const DOCTOR = `
cd /var/lib/hostler
sed -i 's/^transitions=.*/transitions=999/' owner
mkdir -p jobs/abc
printf 'change=hook/lost\\nserver=%s\\n' "$2" >jobs/abc/record
(SPILLED="$1" exec flock lock sleep 1000) >/dev/null 2>&1 &
for step in 'install docker.io:amd64 <none> 1' 'status installed docker.io:amd64 1' 'install docker.io:amd64 <none> 1'; do
  printf '2026-03-01 11:00:00 %s\\n' "$step" >>/var/log/dpkg.log
done`;

const CURE = `
pkill -x sleep
sed -i '/docker.io:amd64 <none> 1$/d' /var/log/dpkg.log
rm -r /var/lib/hostler/jobs/abc
sed -i 's/^transitions=.*/transitions=0/' /var/lib/hostler/owner`;

it('invariants that a real host and its control plane break are found, each by name', async () => {
  const host = await fleet.up({ users: [{ name: 'ops', password: PASSWORD, sudo: 'password' }] });
  await plane.createSecret('login', 'kubernetes.io/basic-auth', { password: PASSWORD });
  await plane.createServer('eu-1', {
    addresses: [{ type: 'IPv4', address: host.address }],
    ssh: {
      user: 'ops',
      auth: { passwordSecretRef: { name: 'login' } },
      hostKeyPolicy: 'TrustOnFirstUse',
      privilege: { passwordSecretRef: { name: 'login' } },
    },
    requirements: { disk: '1G' },
    hooks: [{ name: 'once', when: 'PreProvision', script: 'true' }],
  });
  await plane.waitForCondition('eu-1', 'Ready', 'True');
  const { metadata } = await plane.server('eu-1');
  await expectInvariants();

  await plane.kill();
  const log = plane.logFile;
  const sound = await readFile(log);
  await appendFile(log, `{"msg":"TypeError: x is not a function"}\n{"msg":"${PASSWORD}"}\n`);
  await host.run(DOCTOR, { args: [PASSWORD, metadata.uid ?? ''] });
  await plane.startWithoutControllers();
  const told = await checkInvariants(plane).then(
    () => '',
    (error: unknown) => String(error),
  );
  for (const broken of [
    'the owner file is ahead of its Lease',
    'job abc (hook/lost) on the host is an orphan',
    'the lock is held',
    'docker.io 1 was installed twice',
    'the host shows the password of Secret login',
    'the log tells of a bug',
    'the log shows the password of Secret login',
  ])
    expect(told).toContain(broken);
  await host.run(CURE);
  await plane.kill();
  await writeFile(log, sound);
  await plane.start();
});
