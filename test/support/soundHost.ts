import { expect } from 'vitest';
import type { Host } from '../hosts/host.ts';
import { seenByAptWatch } from './aptWatch.ts';
import { doubleInstallations } from './dpkgLog.ts';

/**
 * Nothing of an installation is left half-done on a host that {@link watchApt} watches.
 * @param options.interruptions  How often dpkg itself may have been cut off: as often it unpacks a package once more.
 */
export async function expectSoundPackages(host: Host, { interruptions = 0 } = {}): Promise<void> {
  expect(await seenByAptWatch(host), 'two apt-get at once').toBe('');
  const log = await host.run('cat $(ls -tr /var/log/dpkg.log*) | grep -E " docker(\\.io|-ce):" || true');
  expect(doubleInstallations(log), 'what was installed twice').toEqual([]);
  const installs = log.match(/ install /g)?.length ?? 0;
  expect(installs, 'how often Docker was installed').toBeLessThanOrEqual(1 + interruptions);
  expect(await host.run('dpkg --audit')).toBe('');
  expect((await host.exec('apt-get check')).code, 'apt-get check').toBe(0);
  expect(await host.run('ls -A /var/lib/dpkg/updates')).toBe('');
}

/**
 * Docker is there, once.
 * @param options.releases  How many releases of it were installed, one after the other.
 */
export async function expectDocker(host: Host, version: RegExp, { releases = 1 } = {}): Promise<void> {
  const installs = await host.run('cat /var/log/dpkg.log* | grep -cE " status installed docker(\\.io|-ce):"');
  expect(installs.trim(), 'Docker was installed once').toBe(String(releases));
  expect(await host.run('docker version -f "{{.Server.Version}}"')).toMatch(version);
}

/** One proxy is there, and answers. @param proxy  Of which image, by tag. */
export async function expectProxy(
  host: Host,
  { image = '', version = '' }: { image?: string | undefined; version?: string | undefined },
): Promise<void> {
  const found = await host.run(
    `docker ps -a --format '{{.Names}} {{.Image}} {{.State}}' | grep '^hostler-proxy' || true`,
  );
  expect(found).toBe(`hostler-proxy ${image}:${version} running\n`);
  const { status } = await fetch(`http://${host.address}/`, { redirect: 'manual' });
  expect(status, 'what the proxy answers').toBeLessThan(500);
}

/** Where Hostler cannot come back to a job that it started, the job goes on to its end by itself. */
export async function waitForJobs(host: Host): Promise<void> {
  await host.run(`for _ in $(seq 600); do
    systemctl list-units --plain --no-legend "hostler-*" | grep -q . || exit 0
    sleep 0.1
  done
  exit 1`);
}

/** No job runs or waits on the host, and nobody holds the lock. */
export async function expectNoJobLeft(host: Host): Promise<void> {
  expect(await host.run('ls -A /var/lib/hostler/jobs 2>/dev/null || true')).toBe('');
  expect(await host.run('systemctl list-units --all --plain --no-legend "hostler-*" | wc -l')).toMatch(/^0/);
  const held = 'test ! -e /var/lib/hostler/lock || flock -n /var/lib/hostler/lock true';
  expect((await host.exec(held)).code, 'the lock is free').toBe(0);
}
