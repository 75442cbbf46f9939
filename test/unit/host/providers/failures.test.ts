import { describe, expect, it } from 'vitest';
import { exitCodes } from '../../../../src/host/exitCodes.ts';
import { explainDocker } from '../../../../src/host/providers/failures.ts';
import type { Change } from '../../../../src/host/task.ts';

const change = { what: 'set debug in /etc/docker/daemon.json' } as Change;

describe('a failed change of Docker', () => {
  it('is final when the daemon refuses the declared configuration', () => {
    const stderr = 'noise\nhostler: the following directives are unknown: x\n';
    const error = explainDocker(change, { exitCode: exitCodes.configRejected, stdout: '', stderr });
    expect(error).toMatchObject({ reason: 'ConfigRejected', retry: { kind: 'never' } });
    expect(error?.message).toContain('directives are unknown: x');
  });

  it('is final when the older engine does not run after a downgrade, and names the way back', () => {
    const stderr = 'hostler: error while opening volume store metadata database\n';
    const error = explainDocker(change, { exitCode: exitCodes.downgradeFailed, stdout: '', stderr });
    expect(error).toMatchObject({ reason: 'DowngradeFailed', retry: { kind: 'never' } });
    expect(error?.advice).toContain('volume store metadata database');
    expect(error?.advice).toContain('Declare the newer version again in spec.docker.version');
  });

  it('is looked at again when the host changed under it', () => {
    const error = explainDocker(change, {
      exitCode: exitCodes.changedMeanwhile,
      stdout: '',
      stderr: 'hostler: gone\n',
    });
    expect(error).toMatchObject({ reason: 'ChangedMeanwhile', retry: { kind: 'backoff' } });
  });

  it('tells what the script itself said', () => {
    const error = explainDocker(change, { exitCode: 1, stdout: '', stderr: 'x\nhostler: E: Broken packages\n' });
    expect(error?.message).toBe('set debug in /etc/docker/daemon.json failed: E: Broken packages');
  });

  it.each([1, 2, exitCodes.diskFull, exitCodes.packageManagerBusy])('leaves exit code %i to the engine', (exitCode) => {
    expect(explainDocker(change, { exitCode, stdout: '', stderr: 'no word of ours' })).toBeUndefined();
  });
});
