import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyChange, type ApplyOptions } from '../../../src/host/apply.ts';
import { explainFailure } from '../../../src/host/failures.ts';
import type { AnyTask, Change, FailedRun, TransferAction } from '../../../src/host/task.ts';
import { sendFile, type ArtifactSource } from '../../../src/host/transfer.ts';
import { localSession, shells, type LocalSession } from '../../support/localSession.ts';
import { noProof } from '../../support/noProof.ts';

/** More than two chunks. */
const CONTENT = randomBytes(5 * 1024 * 1024);
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');

let session: LocalSession;
let reads: number[];
beforeEach(() => {
  session = localSession();
  reads = [];
});
afterEach(() => session.remove());

const claim: ApplyOptions['claim'] = {
  owner: { installation: 'i', server: 's', token: { lease: 'l', transitions: 1 } },
  stillHeld: () => Promise.resolve(true),
};
const source: ArtifactSource = {
  read: (_file, { offset, length }) => {
    reads.push(offset);
    return Promise.resolve(CONTENT.subarray(offset, offset + length));
  },
};
const action = (over: Partial<TransferAction['artifact']> = {}, neededBytes = 1): TransferAction => ({
  kind: 'transfer',
  artifact: { file: 'docker.tar', sha256: SHA256, sizeBytes: CONTENT.length, ...over },
  neededBytes,
  script: { name: 'sample', text: 'mv "/var/lib/hostler/bundles/$1.part" /var/lib/hostler/sample', args: [SHA256] },
  timeoutSeconds: 20,
});
const change: Change = {
  name: 'sample/bundle',
  area: 'Docker',
  what: 'bring it',
  why: 'spec.docker',
  disruption: 'None',
  expectedGapSeconds: 0,
  params: {},
};

function bring(what: TransferAction, from = session) {
  const task: AnyTask = {
    name: 'sample',
    area: 'Docker',
    facts: [],
    want: () => true,
    diff: () => ({ changes: [], obstacles: [] }),
    apply: () => what,
  };
  return applyChange(from, change, task, {
    claim,
    attempt: 1,
    facts: { packageManager: 'apt', initSystem: 'systemd', fileSystems: [], owner: { state: 'Free' } },
    writeAhead: () => Promise.resolve(),
    proof: noProof,
    artifacts: source,
  });
}

/** An earlier try brought so much. */
function arrived(content: Uint8Array, on = session): string {
  const directory = join(on.stateDirectory, 'bundles');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${SHA256}.part`), content);
  return join(directory, `${SHA256}.part`);
}

describe('a transfer', () => {
  it.each(shells)('goes on at the byte where an earlier one broke off, under $name', async ({ shell }) => {
    const other = localSession({ shell });
    arrived(CONTENT.subarray(0, 1_234_567), other);
    expect(await bring(action(), other)).toEqual({ kind: 'done' });
    expect(reads[0]).toBe(1_234_567);
    expect(readFileSync(join(other.stateDirectory, 'sample')).equals(CONTENT)).toBe(true);
    expect(readFileSync(join(other.stateDirectory, 'owner'), 'utf8')).toContain('server=s\n');
    other.remove();
  });

  it('refuses what has another checksum, and removes it', async () => {
    const path = arrived(Buffer.alloc(1000));
    await expect(bring(action())).rejects.toMatchObject({ reason: 'ChecksumMismatch' });
    expect(existsSync(path)).toBe(false);
    expect(existsSync(join(session.stateDirectory, 'sample'))).toBe(false);
    expect(await bring(action())).toEqual({ kind: 'done' });
  });

  it('begins anew where more is there than there should be', async () => {
    arrived(Buffer.alloc(CONTENT.length + 1));
    expect(await bring(action())).toEqual({ kind: 'done' });
    expect(reads[0]).toBe(0);
  });

  it('sends nothing to a disk without room', async () => {
    const error: unknown = await bring(action({}, 2 ** 50)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ reason: 'DiskFull' });
    expect(String(error)).toMatch(/has \d+ MB free, \d+ MB are needed/);
    expect(reads).toEqual([]);
  });

  it('says that the file is gone when it ends before its end', async () => {
    await expect(bring(action({ sizeBytes: CONTENT.length + 1 }))).rejects.toMatchObject({ reason: 'FileMissing' });
  });

  it('gives way after its stretch of time, and goes on with the next', async () => {
    const slow: ArtifactSource = { read: (file, range) => sleep(300).then(() => source.read(file, range)) };
    const explain = (run: FailedRun) => explainFailure('it', run);
    const options = { claim, source: slow, explain };
    const sentBytes = 2 * 1024 * 1024;
    expect(await sendFile(session, action(), { ...options, sliceMs: 200 })).toEqual({ kind: 'sending', sentBytes });
    expect(await sendFile(session, action(), options)).toEqual({ kind: 'sent' });
    expect(reads).toEqual([0, sentBytes, 2 * sentBytes]);
  });
});
