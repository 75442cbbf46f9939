import { describe, expect, it } from 'vitest';
import { effectiveServer } from '../../../../../src/api/effective.ts';
import type { ServerSpec } from '../../../../../src/api/serverSpec.ts';
import type { HostFacts } from '../../../../../src/host/facts.ts';
import { Records, type Entry } from '../../../../../src/host/records.ts';
import type { Change } from '../../../../../src/host/task.ts';
import { definitionOf, digestOf } from '../../../../../src/host/tasks/proxy/definition.ts';
import type { FoundContainer, ProxyHave } from '../../../../../src/host/tasks/proxy/facts.ts';
import { nginxConf, nginxDigest } from '../../../../../src/host/tasks/proxy/nginx.ts';
import { proxy } from '../../../../../src/host/tasks/proxy/task.ts';
import type { ProxyWant } from '../../../../../src/host/tasks/proxy/want.ts';

type Declared = NonNullable<ServerSpec['proxy']>;

const HOST: HostFacts = {
  packageManager: 'apt',
  initSystem: 'systemd',
  fileSystems: [],
  owner: { state: 'Free' },
  ports: [],
};

function want(declared: Declared, docker?: ServerSpec['docker']): ProxyWant {
  const spec: ServerSpec = {
    addresses: [{ type: 'IPv4', address: '192.0.2.1' }],
    ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
    proxy: declared,
    ...(docker === undefined ? {} : { docker }),
  };
  return proxy.want(effectiveServer({ spec }))!;
}

/** A container as Hostler made it for `declared`. */
function made(declared: Declared, over: Partial<FoundContainer> = {}): FoundContainer {
  const { container } = want(declared);
  const definition = definitionOf(container!);
  return {
    running: true,
    state: 'running',
    image: definition.image,
    type: declared.type,
    definition: digestOf(definition),
    ...over,
  };
}

const have = (over: Partial<ProxyHave> = {}): ProxyHave => ({ engine: true, publishers: [], ...over });
const nginx: Declared = { type: 'Nginx' };
const conf = nginxDigest(want(nginx).container!);
const healthy = have({ live: made(nginx), nginxConf: conf, status: 308, minimumAPI: '1.24' });
const summary = (changes: readonly Change[]): string[] =>
  changes.map(({ name, disruption }) => `${name} ${disruption}`);

describe('what is declared', () => {
  it('is nothing without the block', () => {
    const spec = { addresses: [], ssh: { user: 'root', auth: {} } } as unknown as ServerSpec;
    expect(proxy.want(effectiveServer({ spec }))).toBeUndefined();
  });

  it('takes image, version and network of its type when they are not declared, and says so', () => {
    expect(want({ type: 'Traefik' }).container).toMatchObject({
      image: 'traefik:3.6',
      network: 'hostler-proxy',
      redirectToHTTPS: true,
      origins: 'version 3.6 by default, image traefik by default, network hostler-proxy by default',
    });
    const own = { type: 'Nginx', image: 'registry.example.com:5000/nginx', version: '1.22' } as const;
    expect(want(own).container).toMatchObject({
      image: 'registry.example.com:5000/nginx:1.22',
      origins: 'version 1.22, image registry.example.com:5000/nginx, network hostler-proxy by default',
    });
  });
});

describe('the container', () => {
  const render = (declared: Declared) => definitionOf(want(declared).container!);

  it('of Nginx gets its configuration from the host, and as few rights as it can work with', () => {
    const { options, ports, command, trial } = render(nginx);
    expect(options).toEqual(expect.arrayContaining(['--read-only', '--cap-drop=ALL']));
    expect(options).toContain('--volume=/etc/hostler/proxy/nginx:/etc/nginx/hostler:ro');
    expect(ports).toEqual(['80:80', '443:443']);
    expect(command).toEqual(['nginx', '-c', '/etc/nginx/hostler/nginx.conf', '-g', 'daemon off;']);
    expect(trial.command).toContain('-t');
  });

  it('of Traefik redirects, sees the engine read-only, and asks for certificates where declared', () => {
    const acme = { email: 'ops@example.com', server: 'https://ca.example.com/directory' };
    const { options, command } = render({ type: 'Traefik', network: 'web', acme });
    expect(options).toContain('--volume=/var/run/docker.sock:/var/run/docker.sock:ro');
    expect(command).toEqual(
      expect.arrayContaining([
        '--entryPoints.web.http.redirections.entryPoint.to=websecure',
        '--providers.docker.exposedByDefault=false',
        '--providers.docker.network=web',
        '--certificatesResolvers.acme.acme.email=ops@example.com',
        '--certificatesResolvers.acme.acme.caServer=https://ca.example.com/directory',
        '--certificatesResolvers.acme.acme.httpChallenge.entryPoint=web',
      ]),
    );
    const plain = render({ type: 'Traefik', redirectToHTTPS: false }).command.join(' ');
    expect(plain).not.toMatch(/redirections|certificatesResolvers/);
  });

  it('of NginxProxyManager shows its administration to the host alone, and keeps its data in volumes', () => {
    const { options, ports } = render({ type: 'NginxProxyManager' });
    expect(ports).toEqual(['80:80', '443:443', '127.0.0.1:81:81']);
    expect(options.filter((one) => one.startsWith('--volume='))).toHaveLength(2);
  });

  it('is another one when anything of it is', () => {
    const digests = [nginx, { ...nginx, version: '1.22' }, { ...nginx, network: 'web' }, { type: 'Traefik' } as const];
    expect(new Set(digests.map((one) => digestOf(render(one)))).size).toBe(digests.length);
  });

  it('of Nginx is the same with and without redirect: that is a file', () => {
    expect(digestOf(render({ ...nginx, redirectToHTTPS: false }))).toBe(digestOf(render(nginx)));
    expect(nginxConf({ redirectToHTTPS: true })).toContain('return 308 https://$host$request_uri;');
    expect(nginxConf({ redirectToHTTPS: false })).not.toContain('return 308');
  });
});

describe('what is to be done', () => {
  it('is nothing when it runs as declared and answers', () => {
    expect(proxy.diff(want(nginx), healthy, HOST)).toEqual({ changes: [], obstacles: [] });
  });

  it('starts with the files, and disturbs nobody on a host without a proxy', () => {
    const { changes } = proxy.diff(want(nginx), have(), HOST);
    expect(summary(changes)).toEqual(['proxy/files None', 'proxy/container None']);
    expect(changes[1]).toMatchObject({ reason: 'NotInstalled', why: expect.stringContaining('by default') as string });
  });

  it('is planned before the engine is there, when Hostler brings it; else the engine is missed', () => {
    const without = have({ engine: false });
    expect(summary(proxy.diff(want(nginx, {}), without, HOST).changes)).toHaveLength(2);
    const { changes, obstacles } = proxy.diff(want(nginx), without, HOST);
    expect(changes).toEqual([]);
    expect(obstacles).toMatchObject([
      { reason: 'NotRunning', message: expect.stringContaining('spec.docker') as string },
    ]);
  });

  it.each<{ name: string; declared: Declared; from: ProxyHave; expected: string[] }>([
    {
      name: 'another version',
      declared: { ...nginx, version: '1.22' },
      from: healthy,
      expected: ['proxy/container RestartContainers'],
    },
    {
      name: 'another type',
      declared: { type: 'Traefik' },
      from: healthy,
      expected: ['proxy/container RestartContainers'],
    },
    {
      name: 'no redirect',
      declared: { ...nginx, redirectToHTTPS: false },
      from: healthy,
      expected: ['proxy/files Reload'],
    },
    {
      name: 'one that somebody stopped',
      declared: nginx,
      from: { ...healthy, live: made(nginx, { running: false, state: 'exited with 0' }) },
      expected: ['proxy/start None'],
    },
    {
      name: 'one of somebody else under the name',
      declared: nginx,
      from: { ...healthy, live: { running: true, state: 'running', image: 'caddy:2' } },
      expected: ['proxy/files None', 'proxy/container RestartContainers'],
    },
    {
      name: 'a replacement that was cut off before the old one was stopped',
      declared: nginx,
      from: { ...healthy, next: made({ type: 'Traefik' }, { running: false, state: 'created' }) },
      expected: ['proxy/leftover None'],
    },
    {
      name: 'a replacement that was cut off after it',
      declared: nginx,
      from: { ...healthy, live: made(nginx, { running: false }), next: made(nginx) },
      expected: ['proxy/container None'],
    },
    {
      name: 'None, with one that runs',
      declared: { type: 'None' },
      from: healthy,
      expected: ['proxy/remove RestartContainers'],
    },
    { name: 'None, with none', declared: { type: 'None' }, from: have(), expected: [] },
  ])('from a healthy Nginx to $name', ({ declared, from, expected }) => {
    const nginxConfNow = expected.includes('proxy/files None') ? {} : { nginxConf: from.nginxConf };
    const found = { ...from, ...nginxConfNow } as ProxyHave;
    if (expected.includes('proxy/files None')) delete found.nginxConf;
    const { changes, obstacles } = proxy.diff(want(declared), found, HOST);
    expect(summary(changes)).toEqual(expected);
    expect(obstacles).toEqual([]);
    const gaps = changes.filter(({ name }) => name === 'proxy/container');
    for (const { disruption, expectedGapSeconds } of gaps) {
      expect(expectedGapSeconds > 0).toBe(disruption === 'RestartContainers');
    }
  });

  it('is left alone while somebody else has the ports, whom it names', () => {
    const host = { ...HOST, ports: [{ port: 80, process: 'apache2', pid: 77 }] };
    const { changes, obstacles } = proxy.diff(want(nginx), have({ nginxConf: conf }), host);
    expect(changes).toEqual([]);
    expect(obstacles).toMatchObject([
      { reason: 'PortConflict', message: expect.stringContaining('port 80 by apache2 (pid 77)') as string },
    ]);
    const container = { ...HOST, ports: [{ port: 443, process: 'docker-proxy', pid: 5 }] };
    const other = proxy.diff(want(nginx), have({ nginxConf: conf, publishers: ['coolify-proxy'] }), container);
    expect(other.obstacles[0]?.message).toMatch(/held: container coolify-proxy\./);
    // left of a replacement in which the host lost power: no container stands behind it
    const stale = have({ nginxConf: conf, next: made(nginx, { running: false, state: 'created' }) });
    expect(proxy.diff(want(nginx), stale, container).obstacles[0]?.message).toMatch(/systemctl restart docker/);
  });

  it.each([
    [undefined, /gives no answer on port 80/],
    [502, /answers with 502/],
  ])('shows when it runs and a request ends with %s', (status, says) => {
    const found = have({ live: made(nginx), nginxConf: conf, ...(status === undefined ? {} : { status }) });
    const { changes, obstacles } = proxy.diff(want(nginx), found, HOST);
    expect(changes).toEqual([]);
    expect(obstacles).toMatchObject([{ reason: 'NotAnswering', terminal: false }]);
    expect(obstacles[0]?.message).toMatch(says);
  });
});

describe('the compatibility gate', () => {
  const upgrade: Change = {
    name: 'docker-engine/package',
    area: 'Docker',
    what: 'upgrade docker-ce from 28.5.2 to 5:29.0.0-1',
    to: '5:29.0.0-1~debian.12~bookworm',
    why: 'spec.docker.version is 29.0',
    disruption: 'RestartService',
    expectedGapSeconds: 10,
    params: {},
  };
  const old: Declared = { type: 'Traefik', version: '3.5' };
  const current: Declared = { type: 'Traefik', version: '3.6.2' };

  it('refuses an engine that the declared proxy cannot speak to', () => {
    expect(proxy.veto!(want(old), have(), upgrade)).toMatchObject({
      area: 'Docker',
      reason: 'IncompatibleAPI',
      terminal: true,
      message: expect.stringMatching(/29\.0\.0-1.*1\.44.*Traefik 3\.5.*3\.6\.1 or newer/) as string,
    });
  });

  it('has the proxy that runs updated first', () => {
    const running = have({ live: made(old, { release: 'v3.5.4' }) });
    expect(proxy.veto!(want(current), running, upgrade)).toMatchObject({
      reason: 'IncompatibleAPI',
      terminal: false,
      message: expect.stringMatching(
        /Traefik v3\.5\.4.*waits until the proxy is replaced by Traefik 3\.6\.2/,
      ) as string,
    });
    expect(proxy.veto!(want(current), have({ live: made(current) }), upgrade)).toBeUndefined();
  });

  it('lets pass what does no harm', () => {
    const older = { ...upgrade, to: '5:28.5.2-1~debian.12~bookworm' };
    expect(proxy.veto!(want(old), have(), older)).toBeUndefined();
    expect(proxy.veto!(want(nginx), healthy, upgrade)).toBeUndefined();
    expect(proxy.veto!(want(old), have(), { ...upgrade, name: 'docker-engine/hold' })).toBeUndefined();
    const lowered = want(old, { daemonConfig: { 'min-api-version': '1.24' } });
    expect(proxy.veto!(lowered, have(), upgrade)).toBeUndefined();
  });

  it('minds what the daemon is configured to accept', () => {
    const config = { ...upgrade, name: 'docker-engine/daemon-config-restart', to: 'min-api-version: "1.44"' };
    const raised = want(old, { daemonConfig: { 'min-api-version': '1.44' } });
    expect(proxy.veto!(raised, have(), config)).toMatchObject({ reason: 'IncompatibleAPI' });
    expect(proxy.veto!(raised, have(), { ...config, to: 'debug: true' })).toBeUndefined();
  });

  it('refuses a proxy that the running engine would not understand', () => {
    const { changes, obstacles } = proxy.diff(want(old), have({ minimumAPI: '1.44' }), HOST);
    expect(changes).toEqual([]);
    expect(obstacles).toMatchObject([{ area: 'Proxy', reason: 'IncompatibleAPI', terminal: true }]);
    expect(proxy.diff(want(current), have({ minimumAPI: '1.44' }), HOST).obstacles).toEqual([]);
  });
});

describe('what the host shows', () => {
  const parse = (entries: Record<string, Entry>): ProxyHave =>
    proxy.facts[0]!.parse(new Records(new Map(Object.entries(entries)))) as ProxyHave;
  const line = (name: string, over: object = {}): string =>
    JSON.stringify({
      name: `/${name}`,
      running: true,
      status: 'running',
      exitCode: 0,
      image: 'nginx:1.28',
      labels: { 'dev.hostler.proxy': 'Nginx', 'dev.hostler.definition': 'sha256:x' },
      ...over,
    });

  it('is read from the engine, whichever of the two containers exists', () => {
    const text = line('hostler-proxy-next', { running: false, status: 'exited', exitCode: 3, labels: null });
    const found = parse({
      api: { status: 0, text: '1.24' },
      containers: { status: 1, text },
      publishers: { status: 0, text: 'hostler-proxy\nshop' },
      answer: { status: 0, text: '308' },
    });
    expect(found).toEqual({
      engine: true,
      minimumAPI: '1.24',
      next: { running: false, state: 'exited with 3', image: 'nginx:1.28' },
      publishers: ['shop'],
      status: 308,
    });
    expect(
      parse({ api: { status: 0, text: '1.24' }, containers: { status: 0, text: line('hostler-proxy') } }).live,
    ).toEqual({
      running: true,
      state: 'running',
      image: 'nginx:1.28',
      type: 'Nginx',
      definition: 'sha256:x',
    });
  });

  it('is no answer where curl says 000, and no engine where none was asked', () => {
    expect(parse({ answer: { status: 0, text: '000' } })).toEqual({ engine: false, publishers: [] });
  });
});

describe('the preflight check ports', () => {
  const judge = (declared: Declared, found: ProxyHave, host: HostFacts) =>
    proxy.checks!.judge(want(declared), found, host)[0];
  const held = { ...HOST, ports: [{ port: 80, process: 'docker-proxy', pid: 5 }] };

  it('passes ports that the declared proxy holds', () => {
    expect(judge(nginx, healthy, held)).toMatchObject({ name: 'ports', result: 'Pass' });
  });

  it('warns of everybody else', () => {
    expect(judge(nginx, have({ publishers: ['shop'] }), held)).toMatchObject({
      result: 'Warn',
      reason: 'PortConflict',
    });
    expect(judge({ type: 'None' }, have(), held)).toMatchObject({ result: 'Warn' });
    expect(judge(nginx, have(), HOST)).toMatchObject({ result: 'Pass' });
  });
});
