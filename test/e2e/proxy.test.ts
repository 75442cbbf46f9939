import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import type { Plan } from '../../src/host/plan.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import { ReconcileError } from '../../src/lib/errors.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { HostDriver, type Docker } from '../support/hostDriver.ts';
import { serveProxyImages, tags } from '../support/proxyImages.ts';
import { watchRequests } from '../support/requestWatch.ts';

type Proxy = NonNullable<ServerSpec['proxy']>;

let fleet: Fleet;
let host: Host;
let driver: HostDriver;
let image: string;
let docker: Docker;

beforeAll(async () => {
  fleet = await Fleet.create();
  const [registry, target] = await Promise.all([fleet.up({ docker: true }), fleet.up({ docker: true })]);
  host = target;
  image = await serveProxyImages(registry);
  docker = {
    version: '20.10',
    hold: false,
    daemonConfig: { 'live-restore': true, 'insecure-registries': [image.replace(/\/.*/, '')] },
  };
  driver = await HostDriver.open(host, fleet.keyFile);
  await driver.converge(docker);
});
afterAll(async () => {
  driver.close();
  await fleet.down();
});

const nginx = (over: Partial<Proxy> = {}): Proxy => ({ type: 'Nginx', image, version: tags.good, ...over });
const url = (path = '/'): string => `http://${host.address}${path}`;

function names({ changes }: Plan): string[] {
  return changes.map(({ name, disruption }) => `${name} ${disruption}`);
}

async function plan(proxy: Proxy): Promise<Plan> {
  driver.proxy = proxy;
  return driver.plan(docker);
}

async function converge(proxy: Proxy): Promise<Plan> {
  driver.proxy = proxy;
  return driver.converge(docker);
}

async function ask(path = '/', headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url(path), { redirect: 'manual', headers });
}

/** Why the only change of `proxy` could not be made. */
async function refusal(proxy: Proxy): Promise<ReconcileError> {
  const [change, ...more] = (await plan(proxy)).changes;
  expect(more).toEqual([]);
  const error: unknown = await driver.apply(change!).then(
    () => new Error('it succeeded'),
    (problem: unknown) => problem,
  );
  if (error instanceof ReconcileError) return error;
  throw error;
}

/** Names and images of all containers, running or not. */
async function containers(): Promise<string[]> {
  return (await host.run(`docker ps -a --format '{{.Names}} {{.Image}} {{.State}}'`)).trim().split('\n');
}

describe('Nginx', () => {
  it('is fetched, started and answers; then nothing is left to do', async () => {
    const first = await plan(nginx());
    expect(names(first)).toEqual(['proxy/files None', 'proxy/container None']);
    const last = await converge(nginx());
    expect(last).toMatchObject({ changes: [], obstacles: [] });
    expect(await containers()).toEqual([`hostler-proxy ${image}:${tags.good} running`]);
    const answer = await ask('/shop?x=1');
    expect(answer.status).toBe(308);
    expect(answer.headers.get('location')).toBe(`https://${host.address}/shop?x=1`);
    expect(answer.headers.get('server')).toBe('nginx');
  });

  it('serves the challenges of an ACME client, and refuses unknown names in the TLS handshake', async () => {
    await host.run(`
      mkdir -p /etc/hostler/proxy/nginx/acme-challenge/.well-known/acme-challenge
      echo proof >/etc/hostler/proxy/nginx/acme-challenge/.well-known/acme-challenge/token`);
    const answer = await ask('/.well-known/acme-challenge/token');
    expect([answer.status, await answer.text()]).toEqual([200, 'proof\n']);
    await expect(fetch(url().replace('http:', 'https:'))).rejects.toMatchObject({
      cause: { message: expect.stringContaining('unrecognized name') as string },
    });
  });

  it('reaches containers on its network by the sites of people, which survive everything', async () => {
    await host.run(
      `
      docker run -d --restart always --name shop --network hostler-proxy --entrypoint /bin/sh "$1" \\
        -c 'echo shop >/tmp/index.html; exec /bin/busybox httpd -f -p 8080 -h /tmp' >/dev/null
      cat >/etc/hostler/proxy/nginx/sites/shop.conf
      docker exec hostler-proxy nginx -c /etc/nginx/hostler/nginx.conf -s reload`,
      {
        args: [`${image}:${tags.good}`],
        input:
          'server { listen 80; server_name shop.test; location / { set $to shop; proxy_pass http://$to:8080; } }\n',
      },
    );
    await expect.poll(async () => (await asked('shop.test')).trim()).toBe('shop');
    expect((await plan(nginx())).changes).toEqual([]);
  });

  it('takes another configuration over without losing a request', async () => {
    const wanted = nginx({ redirectToHTTPS: false });
    expect(names(await plan(wanted))).toEqual(['proxy/files Reload']);
    const watch = watchRequests(url());
    await converge(wanted);
    await expect.poll(async () => (await ask()).status).toBe(404);
    await sleep(500);
    expect(await watch.stop()).toMatchObject({ lost: [] });
    await converge(nginx());
    expect((await asked('shop.test')).trim()).toBe('shop');
  });

  it('keeps what runs when a site of people would break it, and says which', async () => {
    await host.exec('cat >/etc/hostler/proxy/nginx/sites/broken.conf', { input: 'server { listen nowhere }\n' });
    const error = await refusal(nginx({ redirectToHTTPS: false }));
    expect(error.reason).toBe('ConfigRejected');
    expect(error.message).toContain('sites/broken.conf');
    await host.run('rm /etc/hostler/proxy/nginx/sites/broken.conf');
    expect((await ask()).status).toBe(308);
    expect((await plan(nginx())).changes).toEqual([]);
  });

  it('is reloaded by the next run where one was cut off before that', async () => {
    const [change] = (await plan(nginx({ redirectToHTTPS: false }))).changes;
    await host.exec('cat >/usr/local/bin/docker; chmod 755 /usr/local/bin/docker', {
      input: '#!/bin/sh\ncase "$*" in *"-s reload"*) kill -KILL "$PPID" ;; *) exec /usr/bin/docker "$@" ;; esac\n',
    });
    await expect(driver.apply(change!)).rejects.toThrow();
    await host.run('rm /usr/local/bin/docker');
    expect(names(await plan(nginx({ redirectToHTTPS: false })))).toEqual(['proxy/files Reload']);
    await converge(nginx({ redirectToHTTPS: false }));
    await expect.poll(async () => (await ask()).status).toBe(404);
  });

  it('has not taken a configuration over that only the running one refuses, and says so', async () => {
    const zone = (key: string) => ({ input: `limit_req_zone ${key} zone=shop:1m rate=1r/s;\n` });
    const put = 'cat >/etc/hostler/proxy/nginx/sites/zone.conf';
    await host.exec(`${put}; docker exec hostler-proxy nginx -c /etc/nginx/hostler/nginx.conf -s reload`, zone('$uri'));
    await sleep(500);
    await host.exec(put, zone('$host'));
    await ask('/reset?token=canary');
    const error = await refusal(nginx());
    expect(error.reason).toBe('ConfigRejected');
    expect(error.message, 'what visitors asked for').not.toContain('canary');
    expect(error.message).toContain('limit_req "shop" uses the "$host" key while previously it used the "$uri" key');
    expect((await ask()).status).toBe(404);
    expect(names(await plan(nginx()))).toEqual(['proxy/files Reload']);
    await host.run('rm /etc/hostler/proxy/nginx/sites/zone.conf');
    await converge(nginx());
    await expect.poll(async () => (await ask()).status).toBe(308);
  });

  it('is replaced by another version within the announced gap', async () => {
    const wanted = nginx({ version: tags.newer });
    const { changes } = await plan(wanted);
    expect(changes).toMatchObject([{ name: 'proxy/container', disruption: 'RestartContainers' }]);
    const watch = watchRequests(url());
    await converge(wanted);
    await sleep(500);
    const seen = await watch.stop();
    expect(seen.longestGapMs / 1000).toBeLessThanOrEqual(changes[0]!.expectedGapSeconds);
    expect(await containers()).toContain(`hostler-proxy ${image}:${tags.newer} running`);
    expect(await containers()).toHaveLength(2);
    expect((await asked('shop.test')).trim()).toBe('shop');
  });

  it.each([
    { tag: tags.broken, reason: 'ConfigRejected', says: /nginx/ },
    { tag: 'nowhere', reason: 'ImageUnavailable', says: /nowhere/ },
  ])('is not touched for an image that is $tag', async ({ tag, reason, says }) => {
    const watch = watchRequests(url());
    const error = await refusal(nginx({ version: tag }));
    expect(error).toMatchObject({ reason, message: expect.stringMatching(says) as string });
    expect(await watch.stop()).toMatchObject({ lost: [] });
    expect(await containers()).toContain(`hostler-proxy ${image}:${tags.newer} running`);
  });

  it('comes back when the new one does not answer', async () => {
    const error = await refusal(nginx({ version: tags.mute }));
    expect(error).toMatchObject({ reason: 'NotAnswering' });
    expect(error.message).toContain('waiting for nothing');
    expect((await ask()).status).toBe(308);
    expect(await containers()).toContain(`hostler-proxy ${image}:${tags.newer} running`);
    expect(await containers()).toHaveLength(2);
  });

  it('is started again after somebody stopped it, and replaced after somebody put another one there', async () => {
    await host.run('docker stop hostler-proxy');
    expect(names(await plan(nginx({ version: tags.newer })))).toEqual(['proxy/start None']);
    await converge(nginx({ version: tags.newer }));
    expect((await ask()).status).toBe(308);
  });

  it('names who holds its ports', async () => {
    await host.run('docker rm -f hostler-proxy');
    await host.run('docker run -d --name squatter -p 80:8080 --entrypoint /bin/busybox "$1" sleep 1000', {
      args: [`${image}:${tags.good}`],
    });
    const { changes, obstacles } = await plan(nginx());
    expect(changes).toEqual([]);
    expect(obstacles).toMatchObject([
      { reason: 'PortConflict', message: expect.stringContaining('container squatter') as string },
    ]);
    await host.run(`
      docker rm -f squatter
      systemd-run -q --unit=squatter perl -MIO::Socket::INET -e 'push @held, IO::Socket::INET->new(Listen => 1, LocalPort => 443) || die; sleep 1000'
      for _ in $(seq 50); do ss -Hltn | grep -q :443 && break; sleep 0.1; done`);
    expect((await plan(nginx())).obstacles).toMatchObject([
      { reason: 'PortConflict', message: expect.stringMatching(/port 443 by perl \(pid \d+\)/) as string },
    ]);
    await host.run('systemctl stop squatter');
    await converge(nginx());
    expect((await ask()).status).toBe(308);
  });
});

describe('a replacement that is cut off', () => {
  it.each([0, 200, 400, 700, 1000, 1500])('after %i ms ends with one proxy that answers', async (delayMs) => {
    const found = (await containers()).find((line) => line.startsWith('hostler-proxy '));
    const version = found?.includes(`:${tags.newer} `) ? tags.good : tags.newer;
    const { changes } = await plan(nginx({ version }));
    const started = await driver.start(changes[0]!);
    expect(started.kind).toBe('running');
    await sleep(delayMs);
    await host.run('systemctl kill --signal=KILL "hostler-*.service"; sleep 0.3; rm -rf /var/lib/hostler/jobs');
    await converge(nginx({ version }));
    expect((await ask()).status).toBe(308);
    const left = (await containers()).filter((line) => line.startsWith('hostler-proxy'));
    expect(left).toEqual([`hostler-proxy ${image}:${version} running`]);
  });
});

describe('a host that loses power in the middle of a replacement', () => {
  it.each([500, 1000])('after %i ms has the declared proxy again, or says what the engine needs', async (delayMs) => {
    const found = (await containers()).find((line) => line.startsWith('hostler-proxy '));
    const version = found?.includes(`:${tags.newer} `) ? tags.good : tags.newer;
    const { changes } = await plan(nginx({ version }));
    await driver.start(changes[0]!);
    await sleep(delayMs);
    await host.kill();
    driver.close();
    await sleep(1_000);
    await host.start();
    driver = await HostDriver.open(host, fleet.keyFile);
    await host.run('rm -rf /var/lib/hostler/jobs');
    const [obstacle] = (await converge(nginx({ version }))).obstacles;
    if (obstacle?.message.includes('systemctl restart docker') === true) {
      await host.run('systemctl restart docker');
      await converge(nginx({ version }));
    }
    expect((await ask()).status).toBe(308);
    const left = (await containers()).filter((line) => line.startsWith('hostler-proxy'));
    expect(left).toEqual([`hostler-proxy ${image}:${version} running`]);
  });
});

describe('other types', () => {
  it('take the place of the one before once they answer, and the old one goes', async () => {
    const wanted: Proxy = { type: 'Traefik', image: image.replace('nginx', 'traefik'), version: 'stand-in' };
    const { changes } = await plan(wanted);
    expect(changes).toMatchObject([{ name: 'proxy/container', disruption: 'RestartContainers' }]);
    const watch = watchRequests(url());
    await converge(wanted);
    await sleep(500);
    expect((await watch.stop()).longestGapMs / 1000).toBeLessThanOrEqual(changes[0]!.expectedGapSeconds);
    expect(await (await ask()).text()).toContain('--providers.docker.network=hostler-proxy');
    expect(await containers()).toHaveLength(2);
    await converge({ ...wanted, type: 'NginxProxyManager' });
    expect(await host.run('docker port hostler-proxy')).toContain('81/tcp -> 127.0.0.1:81');
  });

  it('None takes it away; files and volumes stay', async () => {
    await converge({ type: 'None' });
    expect(await containers()).toEqual([`shop ${image}:${tags.good} running`]);
    expect(await host.run('docker volume ls -q')).toContain('hostler-proxy-npm-data');
    expect(await host.run('cat /etc/hostler/proxy/nginx/sites/shop.conf')).toContain('shop.test');
    await expect(ask()).rejects.toThrow();
    expect((await plan({ type: 'None' })).changes).toEqual([]);
  });
});

describe('the compatibility gate', () => {
  let modern: Host;
  // as a hook: the first host of a suite has to wait for its base image
  beforeAll(async () => {
    modern = await fleet.up({ suite: 'trixie', docker: true });
  });

  it('refuses a Traefik that an engine with a raised oldest API would not understand', async () => {
    await modern.run(`
      mkdir -p /etc/systemd/system/docker.service.d
      printf '[Service]\\nEnvironment=DOCKER_MIN_API_VERSION=1.44\\n' >/etc/systemd/system/docker.service.d/api.conf
      systemctl daemon-reload
      systemctl restart docker`);
    const other = await HostDriver.open(modern, fleet.keyFile);
    try {
      other.proxy = { type: 'Traefik', version: '3.5' };
      const { changes, obstacles } = await other.plan({ hold: false });
      expect(changes).toEqual([]);
      expect(obstacles).toMatchObject([
        { area: 'Proxy', reason: 'IncompatibleAPI', message: expect.stringMatching(/1\.24.*1\.44/) as string },
      ]);
      other.proxy = { type: 'Traefik', version: '3.6' };
      const compatible = await other.plan({ hold: false });
      expect(compatible.obstacles).toEqual([]);
      expect(names(compatible)).toEqual(['proxy/container None']);
    } finally {
      other.close();
    }
  });
});

describe('under a control plane', () => {
  let plane: ControlPlane;
  afterAll(() => plane.remove());

  it('is part of Ready, and replaced only once that is approved', async () => {
    const third = await fleet.up({ docker: true });
    plane = await startControlPlane(['--health-interval', '2s', '--drift-interval', '4s']);
    const key = await readFile(fleet.keyFile, 'utf8');
    await plane.createSecret('key', 'kubernetes.io/ssh-auth', { 'ssh-privatekey': key });
    const { metadata } = await plane.createServer('web-1', {
      addresses: [{ type: 'IPv4', address: third.address }],
      ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
      docker,
      proxy: nginx(),
      requirements: { disk: '1G' },
    });
    await plane.waitForCondition('web-1', 'Ready', 'True');
    await plane.waitForCondition('web-1', 'ProxyReady', 'True', 'ProxyReady');
    const watch = watchRequests(`http://${third.address}/`);
    await plane.client.patch(servers, metadata, { spec: { proxy: { version: tags.newer } } });
    await plane.waitForCondition('web-1', 'InSync', 'False', 'WaitingForApproval');
    const { status } = await plane.server('web-1');
    expect(status?.pendingChanges).toMatchObject([
      { name: 'proxy/container', disruption: 'RestartContainers', waitingFor: 'Approval' },
    ]);
    await sleep(1_000);
    const { planHash } = status!;
    expect(await plane.operate('web-1', 'Approve', { approve: { planHash: planHash! } })).toMatchObject({
      phase: 'Succeeded',
    });
    await plane.waitForCondition('web-1', 'InSync', 'True');
    const seen = await watch.stop();
    expect(seen.longestGapMs / 1000).toBeLessThanOrEqual(status!.pendingChanges![0]!.expectedGapSeconds);
    expect(await third.run("docker ps --format '{{.Names}} {{.Image}}'")).toBe(
      `hostler-proxy ${image}:${tags.newer}\n`,
    );
    expect((await plane.server('web-1')).status?.components).toContainEqual({
      name: 'proxy',
      desired: `Nginx ${tags.newer}`,
      current: `Nginx ${image}:${tags.newer}`,
    });
  });
});

/** What a browser sees that asks the proxy for a name. */
async function asked(name: string): Promise<string> {
  return host.run(
    `bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; printf "GET / HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n" "$1" >&3; cat <&3' - "$1" | tail -n 1`,
    { args: [name] },
  );
}
