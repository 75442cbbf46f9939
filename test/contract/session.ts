import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ReconcileError } from '../../src/lib/errors.ts';
import type { Connection, Script } from '../../src/ssh/session.ts';

/** What every real Session promises, whatever is at the far end. The host must share this machine's file system. */
export function describeSession(
  name: string,
  open: () => Promise<{ connection: Connection; stop: () => Promise<void> }>,
): void {
  describe(`Session: ${name}`, () => {
    let session: Connection;
    let stop: () => Promise<void>;

    beforeAll(async () => {
      ({ connection: session, stop } = await open());
    });
    afterAll(async () => {
      session.close();
      await stop();
    });

    const run = (text: string, ...args: string[]) => session.run({ name: 'contract', text, args });

    /** Lets a script that hangs pass its deadline, after it wrote a pid to `file`: a busy machine needs a later one. */
    async function overrun(script: Script, file: string): Promise<{ error: unknown; pid: number }> {
      for (let timeoutMs = 1_000; ; timeoutMs *= 4) {
        const error: unknown = await session.run(script, { timeoutMs }).catch((reason: unknown) => reason);
        if (readPidIfAny(file) !== undefined || timeoutMs > 10_000) return { error, pid: readPid(file) };
      }
    }

    it('returns what was printed and the exit status, also of a failure', async () => {
      expect(await run('echo out; echo err >&2; exit 3')).toMatchObject({
        exitCode: 3,
        signal: undefined,
        stdout: 'out\n',
        stderr: 'err\n',
        truncated: false,
      });
    });

    it('stops at the first failing command and at an unset variable', async () => {
      expect(await run('false; echo no')).toMatchObject({ exitCode: 1, stdout: '' });
      expect(await run('echo "$undefined_variable"; echo no')).toMatchObject({ stdout: '' });
    });

    it('gives every argument back byte for byte and runs none of it', async () => {
      const marker = join(tmpdir(), `hostler-pwned-${String(process.pid)}`);
      const nasty = [
        `$(touch ${marker})`,
        `\`touch ${marker}\``,
        `'; touch ${marker}; '`,
        '',
        '-n',
        'ü\n漢\t',
        '%s\\n',
        '!!',
      ];
      const word = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 30 }).filter((value) => !value.includes('\0')),
        fc.constantFrom(...nasty),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 40 }), async (values) => {
          const { stdout } = await run(`for word do printf '%s\\0' "$word"; done`, ...nasty, ...values);
          expect(stdout.split('\0').slice(0, -1)).toEqual([...nasty, ...values]);
        }),
        { numRuns: 8 },
      );
      expect(() => readFileSync(marker)).toThrow('ENOENT');
    });

    it('refuses an argument that no shell can carry, before anything runs', async () => {
      await expect(run('echo "$1"', 'a\0b')).rejects.toMatchObject({ reason: 'InvalidSpec' });
    });

    it('says which signal ended the script', async () => {
      expect(await run("sh -c 'kill -TERM $$'; echo no")).toMatchObject({ exitCode: 143, signal: 'TERM', stdout: '' });
      expect(await run('kill -KILL $$')).toMatchObject({ exitCode: 137, signal: 'KILL' });
    });

    it('keeps the script whole when its commands read standard input', async () => {
      expect(await run('cat; cat; echo end')).toMatchObject({ exitCode: 0, stdout: 'end\n' });
    });

    it('hands over a secret on descriptor 3 and nowhere else', async () => {
      const secret = `canary-${String(process.pid)}-värde\n`;
      const text =
        'cat <&3; cat; { tr "\\0" " " </proc/self/cmdline; tr "\\0" " " </proc/$PPID/cmdline; env; ps -ef; } >&2';
      const result = await session.run({ name: 'contract', text, secretInput: secret });
      expect(result).toMatchObject({ exitCode: 0, stdout: secret });
      expect(result.stderr).toContain('sh');
      expect(result.stderr).not.toContain('canary-');
    });

    it('keeps arguments out of the process list', async () => {
      const { stdout, stderr } = await run('ps -eo args >&2; printf %s "$1"', 'canary-argument');
      expect(stdout).toBe('canary-argument');
      expect(stderr).not.toContain('canary-argument');
    });

    it('streams several MiB of input', async () => {
      const input = Buffer.alloc(6 * 1024 * 1024, 'abcdefgh');
      const result = await session.run({ name: 'contract', text: 'wc -c; cat <&3', input });
      expect(result).toMatchObject({ exitCode: 0, stdout: `${String(input.length)}\n` });
    });

    it('does not wait for a script that leaves its input unread', async () => {
      const input = Buffer.alloc(4 * 1024 * 1024, 'x');
      expect(await session.run({ name: 'contract', text: 'exit 4', input })).toMatchObject({ exitCode: 4 });
    });

    it('cuts output at the limit and still knows the end', async () => {
      const result = await session.run(
        { name: 'contract', text: 'head -c 5000 /dev/zero | tr "\\0" x; exit 6' },
        { maxOutputBytes: 1000 },
      );
      expect(result).toMatchObject({ exitCode: 6, truncated: true, stdout: 'x'.repeat(1000) });
    });

    it('ends a script that prints without end', async () => {
      const started = Date.now();
      await expect(
        session.run({ name: 'contract', text: 'exec cat /dev/zero' }, { maxOutputBytes: 10_000, timeoutMs: 30_000 }),
      ).rejects.toMatchObject({ reason: 'ProtocolError' });
      expect(Date.now() - started).toBeLessThan(20_000);
    });

    it('does not wait for what the script left in the background', async () => {
      const started = Date.now();
      expect(await run('sleep 20 & echo started')).toMatchObject({ exitCode: 0, stdout: 'started\n' });
      expect(Date.now() - started).toBeLessThan(10_000);
    });

    it('ends the remote process at the deadline, children included', async () => {
      const file = join(tmpdir(), `hostler-deadline-${String(process.pid)}`);
      const text = 'sleep 300 & echo "$!" >"$1"; sleep 300; echo no';
      const { error, pid } = await overrun({ name: 'contract/hang', text, args: [file] }, file);
      expect(error).toBeInstanceOf(ReconcileError);
      expect(error).toMatchObject({ reason: 'ConnectionTimedOut' });
      expect((error as ReconcileError).advice).toContain('contract/hang');
      await gone(pid);
      expect(await run('echo still here')).toMatchObject({ stdout: 'still here\n' });
    });

    it('kills what ignores TERM', async () => {
      const file = join(tmpdir(), `hostler-stubborn-${String(process.pid)}`);
      const text = `trap '' TERM; echo $$ >"$1"; while :; do sleep 300; done`;
      const script = { name: 'contract', text: `exec sh -c "$2" sh "$1"`, args: [file, text] };
      const { error, pid } = await overrun(script, file);
      expect(error).toMatchObject({ reason: 'ConnectionTimedOut' });
      await gone(pid);
    });

    it('ends the remote process when aborted, and rejects with the reason', async () => {
      const file = join(tmpdir(), `hostler-abort-${String(process.pid)}`);
      const abort = new AbortController();
      const running = session.run(
        { name: 'contract', text: 'sleep 300 & echo "$!" >"$1"; wait', args: [file] },
        { signal: abort.signal },
      );
      const outcome = expect(running).rejects.toThrow('enough');
      while (readPidIfAny(file) === undefined) await sleep(20);
      abort.abort(new Error('enough'));
      await outcome;
      await gone(readPid(file));
    });

    it('runs nothing for a signal that was aborted before', async () => {
      const signal = AbortSignal.abort(new Error('too late'));
      await expect(session.run({ name: 'contract', text: ':' }, { signal })).rejects.toThrow('too late');
    });

    it('queues more scripts than it has channels', async () => {
      const results = await Promise.all(
        Array.from({ length: 25 }, (_, index) => run('sleep 0.05; echo "$1"', String(index))),
      );
      expect(results.map((result) => result.stdout.trim())).toEqual(
        Array.from({ length: 25 }, (_, index) => String(index)),
      );
    });

    it('decodes bytes that are no UTF-8 without failing', async () => {
      expect((await run(`printf '\\377ok'`)).stdout).toBe('\ufffdok');
    });

    it('runs scripts that begin a shell of their own', async () => {
      expect(await run('exec sh -c "exit 9"')).toMatchObject({ exitCode: 9 });
      expect(await run('trap "echo bye" EXIT; exit 2')).toMatchObject({ exitCode: 2, stdout: 'bye\n' });
    });
  });
}

function readPidIfAny(file: string): number | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    return text.endsWith('\n') ? Number(text) : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function readPid(file: string): number {
  const pid = readPidIfAny(file);
  rmSync(file, { force: true });
  if (pid === undefined) throw new Error(`the script wrote no pid to ${file}`);
  return pid;
}

/** Waits until the process is no more than a zombie. */
async function gone(pid: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      if (/^State:\s+Z/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))) return;
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return;
      throw error;
    }
    await sleep(50);
  }
  throw new Error(`process ${String(pid)} still runs`);
}
