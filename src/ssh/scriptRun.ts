import type { ClientChannel } from 'ssh2';
import { FrameReader } from './frame.ts';
import { RootDialog } from './rootDialog.ts';
import type { Launch } from './launch.ts';
import type { Frame } from './script.ts';
import type { Script } from './session.ts';

/** Past this many times `maxOutputBytes` a script is ended. */
const FLOOD_FACTOR = 16;

/** The remote shell of a run, so that it and only it can be ended. */
export interface ProcessIdentity {
  processGroup: string;
  pid: string;
  /** In clock ticks since boot: tells a reused pid. */
  startTime: string;
}

/** How a run ended, as seen from the channel. */
export interface RunEnd {
  /**
   * Finished: with both trailers. Ended: the script began, its shell is gone without a trailer. NeverBegan: the channel
   * closed before the script began. Refused: no root. Broken: what came is no frame, or never ends.
   */
  kind: 'Finished' | 'Ended' | 'NeverBegan' | 'Refused' | 'Broken';
  /** Finished: of the script. Else of the channel, undefined when the link broke. */
  exitCode: number | undefined;
  /** The channel's, such as `KILL`. */
  signal: string | undefined;
  stdout: string;
  stderr: string;
  truncated: boolean;
  /** What the login shell printed instead of the frame. */
  noise: string;
}

/** See {@link ScriptRun}. */
export interface ScriptRunOptions {
  script: Pick<Script, 'input' | 'secretInput'>;
  /** By renderScript, with the marks of {@link frame}. */
  program: string;
  frame: Frame;
  launch: Launch;
  maxOutputBytes: number;
  password: () => Promise<string | undefined>;
}

/** One script on one channel: sends it, feeds its input, takes its output apart. */
export class ScriptRun {
  /** Resolves once, at the trailers or when the channel closed; never rejects. */
  readonly ended: Promise<RunEnd>;
  /** Resolves once {@link identity} is known, or with the end; never rejects. */
  readonly begun: Promise<void>;
  readonly dialog: RootDialog;
  readonly #channel: ClientChannel;
  readonly #options: ScriptRunOptions;
  readonly #stdout: FrameReader;
  readonly #stderr: FrameReader;
  #fed = false;
  #begin: () => void = () => undefined;
  #exit: { code: number | undefined; signal: string | undefined } = { code: undefined, signal: undefined };

  constructor(channel: ClientChannel, options: ScriptRunOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#stdout = new FrameReader(options.frame, options.maxOutputBytes);
    this.#stderr = new FrameReader(options.frame, options.maxOutputBytes);
    this.dialog = new RootDialog(options.launch, options.password, {
      write: (text) => void channel.write(text),
      giveUp: () => channel.end(),
      started: () => this.#send(),
    });
    this.ended = this.#follow();
    this.begun = new Promise((resolve) => {
      this.#begin = resolve;
      void this.ended.then(() => resolve());
    });
    if (options.launch.started === undefined) this.#send();
  }

  /** Known from the moment the script began. */
  get identity(): ProcessIdentity | undefined {
    return identityOf(this.#stdout.header);
  }

  /**
   * Gives the channel up.
   * @param isEnded  The remote process is known to be gone; otherwise it is sent KILL, as long as its input is open, which
   *   OpenSSH from 7.9 passes to the login's process group if that runs as the login user.
   */
  abandon(isEnded: boolean): void {
    if (!isEnded) this.#channel.signal('KILL');
    this.#channel.close();
  }

  #send(): void {
    const { input, secretInput } = this.#options.script;
    if (input === undefined && secretInput === undefined) this.#channel.end(this.#options.program);
    else this.#channel.write(this.#options.program);
  }

  /** Only once the script began: before that, the shell might take the input for its program. */
  #feed(): void {
    const data = this.#options.script.secretInput ?? this.#options.script.input;
    if (this.#fed || data === undefined || this.#stdout.header === undefined) return;
    this.#fed = true;
    this.#channel.end(data);
  }

  #follow(): Promise<RunEnd> {
    return new Promise((resolve) => {
      const channel = this.#channel;
      const look = (): void => {
        this.#feed();
        const kind = this.#isBroken() ? 'Broken' : this.#isFinished() ? 'Finished' : undefined;
        if (kind === undefined) return;
        resolve(this.#end(kind));
        if (kind === 'Finished') channel.close();
      };
      channel.on('data', (chunk: Buffer) => {
        this.dialog.onStdout(chunk);
        this.#stdout.push(chunk);
        if (this.#stdout.header !== undefined) this.#begin();
        look();
      });
      channel.stderr.on('data', (chunk: Buffer) => {
        this.dialog.onStderr(chunk);
        this.#stderr.push(chunk);
        look();
      });
      channel.on('exit', (code: number | null, signal?: string) => {
        this.#exit = { code: code ?? undefined, signal: signal?.replace(/^SIG/, '') };
      });
      // what goes wrong with the channel also closes it
      channel.on('error', () => undefined);
      channel.on('close', () => resolve(this.#end(this.#closedKind())));
    });
  }

  #isFinished(): boolean {
    return this.#stdout.status !== undefined && this.#stderr.status !== undefined;
  }

  #isBroken(): boolean {
    const flood = this.#options.maxOutputBytes * FLOOD_FACTOR;
    return [this.#stdout, this.#stderr].some((reader) => reader.broken || reader.bodyBytes > flood);
  }

  #closedKind(): RunEnd['kind'] {
    if (this.#stdout.status !== undefined) return 'Finished';
    if (this.#stdout.header !== undefined) return 'Ended';
    return this.#options.launch.started !== undefined && !this.dialog.hasStarted ? 'Refused' : 'NeverBegan';
  }

  #end(kind: RunEnd['kind']): RunEnd {
    this.#stdout.finish();
    this.#stderr.finish();
    return {
      kind,
      exitCode: kind === 'Finished' ? this.#stdout.status : this.#exit.code,
      signal: kind === 'Finished' ? undefined : this.#exit.signal,
      stdout: this.#stdout.body,
      stderr: this.#stderr.body,
      truncated: this.#stdout.truncated || this.#stderr.truncated,
      noise: `${this.#stdout.noise}\n${this.#stderr.noise}`.trim(),
    };
  }
}

/** From /proc/self/stat: pid (comm) state ppid pgrp … starttime is the 22nd field; comm may hold anything. */
function identityOf(stat: string | undefined): ProcessIdentity | undefined {
  const match = /^(\d+) \(.*\) (\S.*)$/.exec(stat ?? '');
  const [, pid = '', rest = ''] = match ?? [];
  const fields = rest.split(' ');
  const [processGroup = '', startTime = ''] = [fields[2], fields[19]];
  return [pid, processGroup, startTime].every((field) => /^\d+$/.test(field))
    ? { pid, processGroup, startTime }
    : undefined;
}
