import type { Launch, Refusal } from './launch.ts';

/** Of what sudo says this much is kept. */
const MAX_TEXT = 16_384;
/** Of that, this much is shown. */
const MAX_SHOWN = 300;
/** What sudo and sudo-rs end with, in locale C, where they ask no second time (passwd_tries). */
const WRONG_PASSWORD = /incorrect (password|authentication) attempt|authentication fail(ure|ed)/i;

/** What the dialog does with the channel. */
export interface DialogActions {
  write: (text: string) => void;
  /** Ends standard input, so that sudo gives up instead of asking again. */
  giveUp: () => void;
  /** The shell runs as root: the script may be sent. */
  started: () => void;
}

/**
 * Talks to sudo before the script: writes the password only after sudo printed our unguessable prompt, so that it can
 * never end up with a program that merely reads standard input, and only once, so that nothing is locked.
 */
export class RootDialog {
  readonly #launch: Launch;
  readonly #password: () => Promise<string | undefined>;
  readonly #actions: DialogActions;
  #stdout = '';
  #stderr = '';
  #prompts = 0;
  #started = false;
  #refusal: Refusal | undefined;
  #secret = '';
  #error: unknown;

  constructor(launch: Launch, password: () => Promise<string | undefined>, actions: DialogActions) {
    this.#launch = launch;
    this.#password = password;
    this.#actions = actions;
  }

  get hasStarted(): boolean {
    return this.#started;
  }

  /** What fetching the password threw. */
  get error(): unknown {
    return this.#error;
  }

  /** A password was asked for. */
  get wasPrompted(): boolean {
    return this.#prompts > 0;
  }

  /** Why it did not start; to be asked after the channel closed. */
  get refusal(): Refusal {
    if (this.#refusal !== undefined) return this.#refusal;
    if (this.#secret !== '' && WRONG_PASSWORD.test(this.#stderr)) return { kind: 'PasswordRefused' };
    return { kind: 'Refused', text: this.#shown() };
  }

  /** Takes a chunk of standard output. */
  onStdout(chunk: Buffer): void {
    if (this.#started || this.#launch.started === undefined) return;
    this.#stdout = (this.#stdout + chunk.toString('latin1')).slice(-MAX_TEXT);
    if (!this.#stdout.includes(this.#launch.started)) return;
    this.#started = true;
    this.#actions.started();
  }

  /** Takes a chunk of standard error. */
  onStderr(chunk: Buffer): void {
    if (this.#started) return;
    this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-MAX_TEXT);
    const prompt = this.#launch.prompt;
    if (prompt === undefined || !this.#stderr.includes(prompt)) return;
    this.#stderr = this.#stderr.replaceAll(prompt, '');
    this.#prompts += 1;
    if (this.#prompts === 1) void this.#answer();
    else if (this.#prompts === 2) this.#refuse({ kind: 'PasswordRefused' });
  }

  async #answer(): Promise<void> {
    try {
      const password = (await this.#password())?.replace(/\r?\n$/, '');
      // a second line would be read by the shell that comes after sudo
      if (password === undefined || password === '') this.#refuse({ kind: 'PasswordMissing' });
      else if (/[\r\n\0]/.test(password)) this.#refuse({ kind: 'PasswordRefused' });
      else {
        this.#secret = password;
        this.#actions.write(`${password}\n`);
      }
    } catch (error) {
      this.#error = error;
      this.#actions.giveUp();
    }
  }

  #refuse(refusal: Refusal): void {
    this.#refusal = refusal;
    this.#actions.giveUp();
  }

  #shown(): string {
    const text = this.#secret === '' ? this.#stderr : this.#stderr.replaceAll(this.#secret, '[redacted]');
    return text
      .replace(/[^\P{C}\n]/gu, '')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .join(' / ')
      .slice(0, MAX_SHOWN);
  }
}
