import { describe, expect, it } from 'vitest';
import { exitCodes } from '../../../src/host/exitCodes.ts';
import { explainFailure, explainHook } from '../../../src/host/failures.ts';
import { TransientError, WaitingError } from '../../../src/lib/errors.ts';
import { redactor } from '../../../src/lib/redaction.ts';

const failed = (exitCode: number, stderr = '', stdout = '') => ({ exitCode, stderr, stdout });

describe('explainFailure', () => {
  it('waits for a busy package manager and names who holds it', () => {
    const stderr = 'Reading package lists...\nhostler: unattended-upgr (pid 812) holds the package manager.\n';
    const error = explainFailure('install docker.io', failed(exitCodes.packageManagerBusy, stderr));
    expect(error).toBeInstanceOf(WaitingError);
    expect(error.reason).toBe('PackageManagerBusy');
    expect(error.message).toBe('install docker.io waits: unattended-upgr (pid 812) holds the package manager.');
  });

  it.each([
    [exitCodes.diskFull, 'DiskFull'],
    [exitCodes.repositoryUnavailable, 'RepositoryUnavailable'],
    [exitCodes.versionNotAvailable, 'VersionNotAvailable'],
    [exitCodes.packageManagerBroken, 'PackageManagerBroken'],
    [exitCodes.conflict, 'DockerConflict'],
    [exitCodes.configInvalid, 'ConfigInvalid'],
    [exitCodes.notRunning, 'NotRunning'],
    [exitCodes.timedOut, 'StepFailed'],
    [1, 'StepFailed'],
    [255, 'StepFailed'],
  ])('tells exit code %d as %s', (code, reason) => {
    const error = explainFailure('install docker.io', failed(code, 'E: why\n'));
    expect([error.reason, error instanceof TransientError]).toEqual([reason, true]);
    expect(error.message).toContain('E: why');
    expect(code < 3 || code === 255 || error.remedy !== undefined).toBe(true);
  });

  it('shows at most the last kilobyte, without secrets', () => {
    const release = redactor.register('hunter2-very-secret');
    const error = explainFailure('x', failed(1, `${'a'.repeat(5000)} hunter2-very-secret end`));
    release();
    expect(error.message).not.toContain('hunter2');
    expect(error.message.endsWith('[redacted] end')).toBe(true);
    expect(error.message.length).toBeLessThan(1200);
  });

  it('falls back on standard output', () => {
    expect(explainFailure('x', failed(1, '', 'said here')).message).toContain('said here');
  });
});

describe('explainHook', () => {
  it("does not read a meaning into a hook's own exit codes", () => {
    const error = explainHook('warm', failed(exitCodes.packageManagerBusy, 'why'));
    expect([error.reason, error.message]).toEqual([
      'HookFailed',
      `Hook warm ended with exit code ${exitCodes.packageManagerBusy}. Its last output: why`,
    ]);
  });

  it('tells a deadline as such', () => {
    expect(explainHook('warm', failed(exitCodes.timedOut)).message).toContain('timeoutSeconds');
  });
});
