/**
 * Holds what Hostler renders for Traefik, and the compatibility gate, against real Traefiks on a test host. By hand,
 * since the image cannot be had where the tests run and its build takes long:
 *
 *     sh test/tools/traefik/build.sh /tmp/traefik 3.6.2 3.5.4
 *     npx tsx test/tools/traefik/trial.ts /tmp/traefik 3.6.2 3.5.4
 *
 * Ends with 0 when every Traefik does on the host what Hostler says of it.
 */
import { strict as assert } from 'node:assert';
import { copyFile } from 'node:fs/promises';
import type { ServerSpec } from '../../../src/api/serverSpec.ts';
import { accepts, fixedAPI } from '../../../src/host/compatibility.ts';
import { Fleet } from '../../hosts/fleet.ts';
import type { Host } from '../../hosts/host.ts';
import { HostDriver } from '../../support/hostDriver.ts';

const RAISED = '1.44';
const docker = { hold: false } as const;

async function load(host: Host, directory: string, version: string): Promise<void> {
  await copyFile(`${directory}/traefik-${version}`, `${host.root}/root/traefik`);
  await host.run(
    `cd /root
    mkdir -p etc/ssl/certs tmp
    cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/
    chmod 755 traefik
    tar -c traefik etc tmp | docker import --change 'ENTRYPOINT ["/traefik"]' \\
      --change "LABEL org.opencontainers.image.version=v$1" - "traefik:$1" >/dev/null`,
    { args: [version] },
  );
}

/** A container that Traefik finds by its labels, under https://shop.test. */
async function startShop(host: Host): Promise<void> {
  await host.run(`
    apt-get update -q >/dev/null
    apt-get install -y -q busybox-static curl >/dev/null
    mkdir -p /root/shop/bin /root/shop/tmp
    cd /root/shop
    cp /usr/bin/busybox bin/
    ln -sf busybox bin/sh
    echo shop >tmp/index.html
    tar -c . | docker import - shop:1 >/dev/null
    docker network create hostler-proxy >/dev/null
    docker run -d --name shop --restart always --network hostler-proxy --label traefik.enable=true \\
      --label 'traefik.http.routers.shop.rule=Host(\`shop.test\`)' --label traefik.http.routers.shop.entrypoints=websecure \\
      --label traefik.http.routers.shop.tls=true --label traefik.http.services.shop.loadbalancer.server.port=8080 \\
      shop:1 /bin/busybox httpd -f -p 8080 -h /tmp >/dev/null`);
}

async function seesShop(host: Host): Promise<boolean> {
  for (let tries = 0; tries < 10; tries++) {
    const { stdout } = await host.exec('sleep 1; curl -sk --resolve shop.test:443:127.0.0.1 https://shop.test/');
    if (stdout === 'shop\n') return true;
  }
  return false;
}

async function status(host: Host): Promise<string> {
  return host.run(`curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1/`);
}

async function converge(driver: HostDriver, proxy: NonNullable<ServerSpec['proxy']>): Promise<void> {
  driver.proxy = proxy;
  assert.deepEqual((await driver.converge(docker)).obstacles, []);
}

/** Redirect, labels, ACME settings: what is rendered is understood. */
async function tryFlags(host: Host, driver: HostDriver, version: string): Promise<void> {
  await converge(driver, { type: 'Traefik', version });
  assert.equal(await status(host), '301');
  assert.ok(await seesShop(host), `Traefik ${version} finds the container`);
  const acme = { email: 'ops@example.com', server: 'https://127.0.0.1:14000/directory' };
  await converge(driver, { type: 'Traefik', version, redirectToHTTPS: false, acme });
  assert.equal(await status(host), '404');
}

/** On an engine with a raised minimum: what the gate refuses is blind indeed, what it lets pass is not. */
async function tryGate(host: Host, driver: HostDriver, version: string): Promise<void> {
  const spoken = fixedAPI('Traefik', version);
  const blind = spoken !== undefined && !accepts(RAISED, spoken);
  driver.proxy = { type: 'Traefik', version };
  const plan = await driver.plan(docker);
  assert.deepEqual(
    plan.obstacles.map(({ reason }) => reason),
    blind ? ['IncompatibleAPI'] : [],
  );
  if (blind) {
    await host.run(
      `docker rm -f hostler-proxy >/dev/null
      docker run -d --name hostler-proxy --network hostler-proxy -p 80:80 -p 443:443 \\
        -v /var/run/docker.sock:/var/run/docker.sock:ro "traefik:$1" --entryPoints.web.address=:80 \\
        --entryPoints.websecure.address=:443 --providers.docker=true >/dev/null`,
      { args: [version] },
    );
  } else await driver.converge(docker);
  assert.equal(await seesShop(host), !blind);
}

const [directory = '', ...versions] = process.argv.slice(2);
const fleet = await Fleet.create();
try {
  const host = await fleet.up({ suite: 'trixie', docker: true });
  await startShop(host);
  for (const version of versions) await load(host, directory, version);
  const driver = await HostDriver.open(host, fleet.keyFile);
  for (const version of versions) await tryFlags(host, driver, version);
  await host.run(`
    mkdir -p /etc/systemd/system/docker.service.d
    printf '[Service]\\nEnvironment=DOCKER_MIN_API_VERSION=${RAISED}\\n' >/etc/systemd/system/docker.service.d/api.conf
    systemctl daemon-reload
    systemctl restart docker`);
  for (const version of versions) await tryGate(host, driver, version);
  driver.close();
} finally {
  await fleet.down();
}
process.stdout.write(`Traefik ${versions.join(', ')}: as Hostler says\n`);
process.exit(0);
