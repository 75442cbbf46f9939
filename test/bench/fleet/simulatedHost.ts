import { createHash } from 'node:crypto';
import type { Connection, ServerChannel } from 'ssh2';
import { parseProgram, type Program } from './program.ts';
import {
  isObservation,
  keyOf,
  ownerOf,
  specialise,
  wholeLook,
  type Exchange,
  type Identity,
  type Transcript,
} from './transcript.ts';

/** What all hosts of a process share, and what they counted. */
export interface Far {
  transcript: Transcript;
  /** Accepted logins. */
  logins: number;
  /** Observations answered. */
  looks: number;
  changes: number;
  /** Scripts that nothing was recorded for. */
  unknown: string[];
  /** Scripts that Hostler ended, as they passed their deadline: it or the far end had too little of the CPU. */
  overdue: number;
  /** Connections that are logged in. */
  open: number;
  /** Hosts that were looked at since the last reset. */
  looked: Set<number>;
  /** Of the latest scripts: which host got it, and when; milliseconds since the epoch. */
  firstBytes: { index: number; at: number }[];
}

const MAX_NOTED = 20_000;
/** In the script that ends one (src/ssh/runOutcome.ts). */
const ENDS_ANOTHER = 'kill -s TERM -- "-$group"';

/** The far end of one Server: a host in one of the recorded phases. */
export class SimulatedHost {
  readonly #far: Far;
  readonly #index: number;
  readonly #identity: Identity;
  #phase = 0;

  constructor(far: Far, index: number) {
    this.#far = far;
    this.#index = index;
    const digits = createHash('sha256').update(`host ${index}`).digest('hex');
    const uuid = [digits.slice(32, 40), digits.slice(40, 44), digits.slice(44, 48), digits.slice(48, 52)].join('-');
    this.#identity = { machineId: digits.slice(0, 32), bootId: `${uuid}-${digits.slice(52, 64)}`, owner: undefined };
  }

  /** Lets anybody in, as only loopback can ask. */
  serve(connection: Connection): void {
    connection.on('error', () => undefined);
    connection.on('authentication', (context) => context.accept());
    connection.on('ready', () => {
      this.#far.logins++;
      this.#far.open++;
      connection.on('close', () => this.#far.open--);
      connection.on('session', (acceptSession) => {
        acceptSession().on('exec', (accept) => this.#read(accept()));
      });
    });
  }

  #read(channel: ServerChannel): void {
    const at = Date.now();
    let input = '';
    let answered = false;
    channel.on('error', () => undefined);
    channel.on('data', (chunk: Buffer) => {
      if (answered) return;
      input += chunk.toString();
      const program = parseProgram(input);
      if (program === undefined) return;
      answered = true;
      noteFirstByte(this.#far, this.#index, at);
      this.#answer(channel, program);
    });
  }

  #answer(channel: ServerChannel, program: Program): void {
    const exchange = this.#find(keyOf(program, this.#far.transcript.signatures[this.#phase] ?? ''));
    if (exchange === undefined) {
      if (program.text.includes(ENDS_ANOTHER)) this.#far.overdue++;
      else this.#far.unknown.push(`phase ${this.#phase}: ${program.text.slice(-200)}`);
      channel.exit(1);
      channel.end();
      return;
    }
    const begin = specialise(exchange.stdout.slice(0, exchange.stdout.indexOf('\n', 1) + 1), program, this.#identity);
    // the client sends a script's input only once it has seen the beginning
    channel.write(begin);
    setTimeout(() => this.#finish(channel, program, exchange), exchange.milliseconds);
  }

  #finish(channel: ServerChannel, program: Program, exchange: Exchange): void {
    const owner = ownerOf(program);
    if (owner !== undefined) this.#identity.owner = owner;
    if (exchange.changes) {
      this.#phase = exchange.phase + 1;
      this.#far.changes++;
    }
    if (isObservation(program)) {
      this.#far.looks++;
      this.#far.looked.add(this.#index);
    }
    const rest = exchange.stdout.slice(exchange.stdout.indexOf('\n', 1) + 1);
    channel.write(specialise(rest, program, this.#identity));
    channel.stderr.write(specialise(exchange.stderr, program, this.#identity));
    channel.exit(exchange.status);
    channel.end();
  }

  /** As recorded in this phase, or in the last one before in which it was; for a look that was not, a whole one. */
  #find(key: string): Exchange | undefined {
    const known = this.#far.transcript.exchanges.filter(({ phase }) => phase <= this.#phase);
    return known.findLast((one) => one.key === key) ?? known.findLast((one) => one.key === wholeLook(key));
  }
}

function noteFirstByte({ firstBytes }: Far, index: number, at: number): void {
  if (firstBytes.length >= MAX_NOTED) firstBytes.splice(0, MAX_NOTED / 2);
  firstBytes.push({ index, at });
}
