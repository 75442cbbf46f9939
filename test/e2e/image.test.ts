import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../src/kube/client.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import { fixedConnection } from '../../src/kube/connection.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { buildArguments, importNodeImage, nodeImageObstacle } from '../support/nodeImage.ts';
import { ROOT, copySources } from '../support/workingCopy.ts';

const IMAGE = 'hostler/hostler:test';
const DATA = '/var/lib/hostler';
const API = 'https://127.0.0.1:7443/readyz';
/** As the chart has it: read-only root, no capability. */
const LOCKED = '--read-only --cap-drop ALL --security-opt no-new-privileges';
/** Megabytes on top of Node's image. */
const MOST_MEGABYTES = 110;

const obstacle = await nodeImageObstacle();

/** The Dockerfile, built by a real Docker engine. */
describe.skipIf(obstacle !== undefined)(obstacle === undefined ? 'the image' : `the image (${obstacle})`, () => {
  let fleet: Fleet;
  let host: Host;

  beforeAll(async () => {
    fleet = await Fleet.create();
    host = await fleet.up({ name: 'builder', docker: true });
    await importNodeImage(host);
    const sources = join(host.root, 'srv/hostler');
    await mkdir(sources);
    await copySources(sources);
    await host.run(`DOCKER_BUILDKIT=1 docker build --progress plain -t ${IMAGE} "$@" /srv/hostler`, {
      args: await buildArguments(),
    });
  });

  afterAll(async () => fleet.down());

  /** Runs a command in a container, as the administrator. */
  async function inside(container: string, script: string): Promise<string> {
    return host.run(`docker exec -e KUBECONFIG=${DATA}/kubeconfig ${container} ${script}`);
  }

  /** Starts a container that stays, in place of one of that name. */
  async function run(name: string, options: string, command: string): Promise<void> {
    await host.exec(`docker rm -f ${name}`);
    await host.run(`docker run -d --name ${name} ${LOCKED} ${options} ${IMAGE} ${command}`);
  }

  /** Waits until `url` answers in a container. */
  async function answers(container: string, url: string): Promise<void> {
    const script = `fetch('${url}').then(async (answer) => console.log(await answer.text()))`;
    const ask = `docker exec -e NODE_TLS_REJECT_UNAUTHORIZED=0 ${container} node -e "${script}"`;
    const answer = () => host.run(`${ask} 2>/dev/null || docker logs --tail 5 ${container} 2>&1`);
    await expect.poll(answer, { timeout: 30_000 }).toBe('ok\n');
  }

  /** Stops a container, gracefully; its exit code. */
  async function stop(name: string): Promise<number> {
    // after 10 seconds it is killed: 137
    return Number(await host.run(`docker stop ${name} >/dev/null; docker inspect -f '{{.State.ExitCode}}' ${name}`));
  }

  it('says what it is, and runs as a user whom Kubernetes can tell from root', async () => {
    const { Config: config } = JSON.parse(await host.run(`docker inspect -f '{{json .}}' ${IMAGE}`)) as {
      Config: { User: string; Cmd: string[]; Labels: Record<string, string> };
    };
    const { name, license } = await manifest();
    expect(config).toMatchObject({ User: '10001:10001', Cmd: ['controller'] });
    expect(config.Labels).toMatchObject({
      'org.opencontainers.image.title': name,
      'org.opencontainers.image.licenses': license,
    });
  });

  it('holds what runs, and nothing that builds or tests it', async () => {
    const script = 'cd /app; ls -A; ls -A node_modules; find . -user 10001; du -sm .';
    const lines = (await host.run(`docker run --rm --entrypoint sh ${IMAGE} -c '${script}'`)).trim().split('\n');
    const { dependencies, devDependencies } = await manifest();
    expect(lines.slice(0, 4)).toEqual(['LICENSE', 'dist', 'node_modules', 'package.json']);
    for (const name of Object.keys(dependencies)) expect(lines).toContain(name.split('/')[0]);
    for (const name of Object.keys(devDependencies).filter((one) => !one.startsWith('@')))
      expect(lines).not.toContain(name);
    expect(Number.parseInt(lines.at(-1) ?? '', 10)).toBeLessThan(MOST_MEGABYTES);
    expect(lines.filter((line) => line.startsWith('./'))).toEqual([]);
  });

  it('runs the command on a read-only root without capabilities', async () => {
    const { version } = await manifest();
    expect(await host.run(`docker run --rm ${LOCKED} ${IMAGE} version`)).toBe(`hostler ${version}\n`);
    expect(await host.run(`docker run --rm ${LOCKED} ${IMAGE} controller --help`)).toContain('--metrics-listen');
    // as whom the image says, and as whom nobody knows
    for (const user of ['', '--user 1000660000:0']) {
      const alone = await host.exec(`docker run --rm ${LOCKED} ${user} ${IMAGE}`);
      expect(alone.stderr).toContain('No kubeconfig found');
    }
  });

  it('serves a control plane that is reached through a published port, on a new volume', async () => {
    const options = `-p 7443:7443 -v data:${DATA} -v /srv/key:/key:ro`;
    await copyFile(fleet.keyFile, join(host.root, 'srv/key'));
    await host.run('chown 10001 /srv/key');
    await run('plane', options, `serve --data-dir ${DATA} --listen 0.0.0.0:7443 --no-controllers`);
    await answers('plane', API);
    const pem = (name: string) => inside('plane', `cat ${DATA}/pki/${name}`);
    const [ca, cert, key] = await Promise.all([pem('ca.crt'), pem('admin.crt'), pem('admin.key')]);
    const server = `https://${host.address}:7443`;
    const connection = fixedConnection({ server, servername: 'localhost', ca, cert, key });
    expect((await new Client({ connection }).list(servers, {})).items).toEqual([]);
  });

  it('goes on with what is on the volume after a crash', async () => {
    const before = await inside('plane', `cat ${DATA}/pki/ca.crt`);
    await host.run('docker kill plane; docker start plane');
    await answers('plane', API);
    expect(await inside('plane', `cat ${DATA}/pki/ca.crt`)).toBe(before);
  });

  it('ends when it is asked to, also where no command listens for that', async () => {
    const flags = `--network container:plane -v data:${DATA}:ro -v /srv/key:/key:ro -e KUBECONFIG=${DATA}/kubeconfig`;
    await run('waits', flags, `server add ${newName()} --host root@${host.address}:1 --key-file /key --wait`);
    await expect.poll(() => host.run('docker logs waits 2>&1'), { timeout: 30_000 }).toMatch(/^server\/\S+ created$/m);
    expect(await stop('waits')).toBe(143);
  });

  it('runs the controllers, which bring a server to Ready', async () => {
    const command = `controller --kubeconfig ${DATA}/kubeconfig --metrics-listen 127.0.0.1:8080`;
    await run('controllers', `--network container:plane -v data:${DATA}:ro`, command);
    await answers('controllers', 'http://127.0.0.1:8080/readyz');
    const flags = '--key-file /key --host-key-policy TrustOnFirstUse --wait';
    const name = newName();
    const said = await inside('plane', `hostler server add ${name} --host root@${host.address} ${flags}`);
    expect(said).toContain(`server/${name} is Ready`);
  });

  it.each(['controllers', 'plane'])('ends gracefully: %s', async (name) => {
    expect(await stop(name)).toBe(0);
  });
});

/** Of a Server that no earlier try of a test has left. */
function newName(): string {
  return `eu-${Date.now()}`;
}

interface Manifest {
  name: string;
  version: string;
  license: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

async function manifest(): Promise<Manifest> {
  return JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Manifest;
}
