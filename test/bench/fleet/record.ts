import { readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import ssh2, { type ClientChannel, type Connection, type ServerChannel } from 'ssh2';
import { servers } from '../../../src/kube/hostlerResources.ts';
import { generateKeyPair } from '../../../src/ssh/keys.ts';
import { Fleet } from '../../hosts/fleet.ts';
import type { Host } from '../../hosts/host.ts';
import { StandalonePlane } from '../../support/standalonePlane.ts';
import { parseProgram, type Program } from './program.ts';
import { CHANGED_DOCKER, specOf } from './servers.ts';
import {
  generalise,
  isObservation,
  keyOf,
  ownerOf,
  type Exchange,
  type Identity,
  type Transcript,
} from './transcript.ts';

const FLAGS = ['--health-interval', '2s', '--drift-interval', '5s', '--denied-cidrs', ''];
/** Long enough for a look at the health and one at everything. */
const QUIET_MS = 12_000;
const NAME = 'eu-1';

/** Lets a real control plane set up, watch and change a real test host through {@link Recorder}, and keeps what it said. */
export async function record(): Promise<void> {
  const fleet = await Fleet.create({ say: (line) => console.log(line) });
  try {
    const host = await fleet.up({ docker: true });
    const recorder = await Recorder.start(host, await readFile(fleet.keyFile, 'utf8'));
    const plane = await StandalonePlane.start(FLAGS);
    try {
      await play(plane, recorder);
    } finally {
      await plane.remove();
      recorder.stop();
    }
    const transcript = recorder.transcript();
    await writeFile(new URL('transcript.json', import.meta.url), `${JSON.stringify(transcript, undefined, 2)}\n`);
    for (const { phase, about, milliseconds } of transcript.exchanges)
      console.log(`${phase} ${about}: ${milliseconds} ms`);
  } finally {
    await fleet.down();
  }
}

async function play(plane: StandalonePlane, { port, privateKey }: Recorder): Promise<void> {
  await plane.createSecret('fleet', 'kubernetes.io/ssh-auth', { 'ssh-privatekey': privateKey });
  await plane.createServer(NAME, specOf('127.0.0.1', port));
  await settleAndRestart(plane);
  await plane.client.patch(servers, { namespace: 'default', name: NAME }, { spec: { docker: CHANGED_DOCKER } });
  await settleAndRestart(plane);
}

async function settleAndRestart(plane: StandalonePlane): Promise<void> {
  for (const restart of [true, false]) {
    await plane.waitForCondition(NAME, 'Ready', 'True');
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    if (!restart) return;
    await plane.stop();
    await plane.start();
  }
}

interface Heard {
  program: Program;
  milliseconds: number;
  status: number;
  stdout: string;
  stderr: string;
}

/** An SSH server that passes every script on to a real host and keeps what comes back. */
class Recorder {
  readonly privateKey: string;
  readonly #host: Host;
  readonly #server: InstanceType<typeof ssh2.Server>;
  readonly #heard: Heard[] = [];

  private constructor(host: Host, privateKey: string) {
    this.#host = host;
    this.privateKey = privateKey;
    const hostKeys = [generateKeyPair('host').privateKey];
    this.#server = new ssh2.Server({ hostKeys }, (connection) => this.#serve(connection));
  }

  static async start(host: Host, privateKey: string): Promise<Recorder> {
    const recorder = new Recorder(host, privateKey);
    await new Promise<void>((resolve) => {
      recorder.#server.listen(0, '127.0.0.1', resolve);
    });
    return recorder;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
  }

  /** One answer of each kind in each phase: the fastest, as everything else of the time is this machine's. */
  transcript(): Transcript {
    const transcript: Transcript = { exchanges: [], signatures: [] };
    const identity: Identity = { ...this.#machine(), owner: undefined };
    const kept = new Map<string, Exchange>();
    let phase = 0;
    for (const [index, heard] of this.#heard.entries()) {
      const { program } = heard;
      const owner = ownerOf(program);
      if (owner !== undefined) identity.owner = owner;
      if (isObservation(program)) transcript.signatures[phase] ??= signatureIn(heard.stdout);
      const signature = transcript.signatures[phase] ?? signatureIn(this.#nextLook(index));
      const exchange: Exchange = {
        phase,
        key: keyOf(program, signature),
        about: aboutOf(program),
        milliseconds: heard.milliseconds,
        changes: owner !== undefined,
        status: heard.status,
        stdout: withoutMachine(generalise(heard.stdout, program, identity)),
        stderr: withoutMachine(generalise(heard.stderr, program, identity)),
      };
      const before = kept.get(`${phase} ${exchange.key}`);
      if (before === undefined || before.milliseconds > exchange.milliseconds)
        kept.set(`${phase} ${exchange.key}`, exchange);
      if (exchange.changes) phase++;
    }
    transcript.exchanges = [...kept.values()];
    return { ...transcript, signatures: Array.from(transcript.signatures, (one: string | undefined) => one ?? '') };
  }

  #nextLook(from: number): string {
    return this.#heard.slice(from).find(({ program }) => isObservation(program))?.stdout ?? '';
  }

  #machine(): Pick<Identity, 'machineId' | 'bootId'> {
    const text = this.#heard.map(({ stdout }) => stdout).join('');
    const found = (name: string): string => new RegExp(`1\\.${name} 0 \\d+\\n(\\S+)`).exec(text)?.[1] ?? '';
    return { machineId: found('machine-id'), bootId: found('boot-id') };
  }

  #serve(connection: Connection): void {
    const far = new ssh2.Client();
    const ready = new Promise<void>((resolve) => far.once('ready', () => resolve()));
    far.on('error', () => connection.end());
    far.connect({ host: this.#host.address, port: this.#host.port, username: 'root', privateKey: this.privateKey });
    connection.on('error', () => undefined);
    connection.on('close', () => far.end());
    connection.on('authentication', (context) => context.accept());
    connection.on('session', (acceptSession) => {
      acceptSession().on('exec', (accept, _reject, { command }) => {
        const near = accept();
        void ready.then(() =>
          far.exec(command, (error, channel) => {
            if (error !== undefined) near.close();
            else this.#pass(near, channel);
          }),
        );
      });
    });
  }

  #pass(near: ServerChannel, far: ClientChannel): void {
    const heard = { input: '', stdout: '', stderr: '', status: 0, at: performance.now() };
    near.on('data', (chunk: Buffer) => {
      heard.input += chunk.toString();
      far.write(chunk);
    });
    near.on('end', () => far.end());
    far.on('data', (chunk: Buffer) => {
      heard.stdout += chunk.toString();
      near.write(chunk);
    });
    far.stderr.on('data', (chunk: Buffer) => {
      heard.stderr += chunk.toString();
      near.stderr.write(chunk);
    });
    far.on('exit', (code: number | null) => (heard.status = code ?? 255));
    far.on('close', () => {
      const milliseconds = Math.round(performance.now() - heard.at);
      const program = parseProgram(heard.input);
      if (program !== undefined) this.#heard.push({ ...heard, program, milliseconds });
      near.exit(heard.status);
      near.end();
    });
  }
}

function signatureIn(answer: string): string {
  const [, length = '0', rest = ''] = / 0\.signature 0 (\d+)\n([^]*)/.exec(answer) ?? [];
  return rest.slice(0, Number(length));
}

function aboutOf(program: Program): string {
  const last = program.text.trim().split('\n').slice(-8).join(' ');
  return isObservation(program) ? `look at ${program.args.length} arguments` : last.slice(0, 120);
}

/** The kernel is the machine's, which is nobody's business. Same length: records state theirs. */
function withoutMachine(text: string): string {
  return text.replace(/\b6\.\d+\.\d+-[a-z0-9-]+/g, (kernel) => '6.1.0-25-amd64-fixture'.slice(0, kernel.length));
}
