import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Texts that must not show anywhere, by the name of the field that holds them. */
export class Canaries {
  readonly #forms: { name: string; bytes: Buffer }[] = [];

  /** A new random secret, known from now on. */
  make(name: string): string {
    const secret = `cnry-${randomBytes(16).toString('hex')}`;
    this.add(name, secret);
    return secret;
  }

  /** Looks for `secret` too: plain, and as base64 at any position within other data. */
  add(name: string, secret: string): void {
    for (const form of [secret, ...base64Forms(secret)]) this.#forms.push({ name, bytes: Buffer.from(form) });
  }

  /** Looks for every line of a private key. */
  addKey(name: string, pem: string): void {
    const lines = pem.split('\n').filter((line) => line.length >= 32 && !line.startsWith('-----'));
    for (const line of lines) this.add(name, line);
  }

  /** The names of the fields whose secret stands in `content`. */
  in(content: string | Buffer): string[] {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    return [...new Set(this.#forms.filter((form) => bytes.includes(form.bytes)).map(({ name }) => name))];
  }

  /** Everything to look for, one per line, as `grep -F -f` takes it. */
  get patterns(): string {
    return this.#forms.map(({ bytes }) => `${bytes.toString()}\n`).join('');
  }

  /** `file: field` for every file below `directory` that holds a secret. */
  async inFiles(directory: string): Promise<string[]> {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    const found: string[] = [];
    for (const entry of entries.filter((one) => one.isFile())) {
      const path = join(entry.parentPath, entry.name);
      found.push(...this.in(await readFile(path)).map((name) => `${path}: ${name}`));
    }
    return found;
  }
}

/** What of the base64 of any text that holds `secret` depends on `secret` alone, for each of its three positions. */
function base64Forms(secret: string): string[] {
  const whole = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), Buffer.from(secret)])
      .toString('base64')
      .replaceAll('=', '');
    return text.slice(before === 0 ? 0 : before + 1, -1);
  });
  return whole.filter((form) => form.length >= 16);
}

/** Reads command lines and environments of all processes of this machine, which includes those of its test hosts. */
export class ProcessWatch {
  readonly #canaries: Canaries;
  readonly #found = new Set<string>();
  readonly #seen = new Set<string>();
  #isOn = true;
  readonly #done: Promise<void>;

  constructor(canaries: Canaries) {
    this.#canaries = canaries;
    this.#done = this.#run();
  }

  /** `PID cmdline: field` of every leak so far. */
  get leaks(): string[] {
    return [...this.#found];
  }

  /** Whether a process with `text` in its command line was ever seen. */
  saw(text: string): boolean {
    return [...this.#seen].some((commandLine) => commandLine.includes(text));
  }

  async stop(): Promise<void> {
    this.#isOn = false;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (this.#isOn) {
      // without waiting in between: a round must be shorter than the life of what it looks for
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) this.#look(pid);
      await sleep(10);
    }
  }

  #look(pid: string): void {
    for (const kind of ['cmdline', 'environ']) {
      const content = readProcess(`/proc/${pid}/${kind}`);
      if (kind === 'cmdline') this.#seen.add(content.toString().replaceAll('\0', ' '));
      for (const name of this.#canaries.in(content)) this.#found.add(`${pid} ${kind}: ${name}`);
    }
  }
}

function readProcess(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    // it ended meanwhile, or is of the kernel
    if (error instanceof Error && 'code' in error) return Buffer.alloc(0);
    throw error;
  }
}
