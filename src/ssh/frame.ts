import type { Frame } from './script.ts';

/** Bytes before the frame that are kept to explain why it never came. */
const NOISE_KEPT = 300;
/** Bytes of noise, of a begin line or of a trailer, after which the host is not believed any more. */
const MAX_NOISE_BYTES = 1024 * 1024;
const MAX_LINE_BYTES = 4096;

type State = 'noise' | 'header' | 'body' | 'trailer' | 'done' | 'broken';

/** Takes one output stream apart: noise, begin line, what the script printed, status. What it reads is hostile. */
export class FrameReader {
  readonly #begin: Buffer;
  readonly #end: Buffer;
  readonly #maxBytes: number;
  readonly #body: Buffer[] = [];
  #state: State = 'noise';
  #pending: Buffer = Buffer.alloc(0);
  #noise = Buffer.alloc(0);
  #noiseBytes = 0;
  #bodyBytes = 0;
  #keptBytes = 0;
  #header: string | undefined;
  #status: number | undefined;

  constructor(frame: Frame, maxBytes: number) {
    this.#begin = Buffer.from(frame.begin);
    this.#end = Buffer.from(frame.end);
    this.#maxBytes = maxBytes;
  }

  /** Rest of the begin line; undefined until it was read. */
  get header(): string | undefined {
    return this.#header;
  }

  /** The exit status behind the end mark; undefined until it was read. */
  get status(): number | undefined {
    return this.#status;
  }

  /** The marks are not where they must be; nothing more is read. */
  get broken(): boolean {
    return this.#state === 'broken';
  }

  /** Bytes the script printed so far, those cut off included. */
  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  get truncated(): boolean {
    return this.#bodyBytes > this.#keptBytes;
  }

  /** What the script printed, up to the limit. */
  get body(): string {
    return Buffer.concat(this.#body).toString('utf8');
  }

  /** The first of what was printed before the frame. */
  get noise(): string {
    return this.#noise.toString('utf8');
  }

  /** Takes the next chunk. */
  push(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let before: State;
    do {
      before = this.#state;
      this.#step();
    } while (this.#state !== before);
  }

  /** Takes what is left when the stream ended without its trailer. */
  finish(): void {
    if (this.#state === 'body') this.#keep(this.#pending);
    if (this.#state === 'noise') this.#keepNoise(this.#pending);
    this.#pending = Buffer.alloc(0);
  }

  #step(): void {
    switch (this.#state) {
      case 'noise':
        this.#seek(this.#begin, (bytes) => this.#keepNoise(bytes), 'header');
        if (this.#noiseBytes > MAX_NOISE_BYTES) this.#state = 'broken';
        return;
      case 'header':
        this.#header = this.#line('body');
        return;
      case 'body':
        this.#seek(this.#end, (bytes) => this.#keep(bytes), 'trailer');
        return;
      case 'trailer':
        this.#readStatus();
        return;
      case 'done':
      case 'broken':
        this.#pending = Buffer.alloc(0);
        return;
    }
  }

  /** Hands what lies before `mark` to `keep`; a mark may be split over chunks. */
  #seek(mark: Buffer, keep: (bytes: Buffer) => void, next: State): void {
    const at = this.#pending.indexOf(mark);
    if (at !== -1) {
      keep(this.#pending.subarray(0, at));
      this.#pending = this.#pending.subarray(at + mark.length);
      this.#state = next;
      return;
    }
    const safe = Math.max(0, this.#pending.length - mark.length + 1);
    keep(this.#pending.subarray(0, safe));
    this.#pending = this.#pending.subarray(safe);
  }

  #line(next: State): string | undefined {
    const newline = this.#pending.indexOf(0x0a);
    if (newline === -1) {
      if (this.#pending.length > MAX_LINE_BYTES) this.#state = 'broken';
      return undefined;
    }
    const line = this.#pending.subarray(0, newline).toString('utf8').trim();
    this.#pending = this.#pending.subarray(newline + 1);
    this.#state = next;
    return line;
  }

  #readStatus(): void {
    const line = this.#line('done');
    if (line === undefined) return;
    const status = /^\d{1,3}$/.test(line) ? Number(line) : 256;
    if (status > 255) this.#state = 'broken';
    else this.#status = status;
  }

  #keep(bytes: Buffer): void {
    this.#bodyBytes += bytes.length;
    const kept = bytes.subarray(0, Math.max(0, this.#maxBytes - this.#keptBytes));
    if (kept.length === 0) return;
    this.#keptBytes += kept.length;
    this.#body.push(kept);
  }

  #keepNoise(bytes: Buffer): void {
    this.#noiseBytes += bytes.length;
    if (this.#noise.length < NOISE_KEPT) {
      this.#noise = Buffer.concat([this.#noise, bytes]).subarray(0, NOISE_KEPT);
    }
  }
}
