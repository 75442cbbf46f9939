import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DAEMON_CONFIG } from '../../../src/host/tasks/dockerEngine/scripts.ts';
import { applySshd } from '../../../src/host/tasks/sshd/apply.ts';
import type { Change } from '../../../src/host/task.ts';
import type { Script } from '../../../src/ssh/session.ts';
import { localSession } from '../../support/localSession.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hostler-replaced-'));
  mkdirSync(join(root, 'bin'));
  const stub = (name: string, text: string): void =>
    writeFileSync(join(root, 'bin', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  // the last moment at which the new file is not yet its owner's
  stub('chown', `stat -c %a "$2" >>${join(root, 'modes')}`);
  for (const name of ['sshd', 'systemctl', 'rc-service', 'dockerd']) stub(name, 'exit 0');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const sshd = applySshd({
  params: { content: 'new\n', include: false, unit: '', listen: '', ports: '' },
} as unknown as Change);

describe.each<{ file: string; script: Script }>([
  {
    file: 'docker/daemon.json',
    script: {
      name: 'docker-engine/daemon-config',
      text: DAEMON_CONFIG,
      args: [digest('old'), digest('new\n'), 'none', 'None'],
      secretInput: 'new\n',
    },
  },
  { file: 'ssh/sshd_config.d/00-hostler.conf', script: sshd.script },
])('$file that only its owner may read', ({ file, script }) => {
  it.each(['nothing', 'a file for everybody'])('is so while it is replaced, where a cut had left %s', async (left) => {
    const path = join(root, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'old');
    chmodSync(path, 0o600);
    if (left !== 'nothing') writeFileSync(`${path}.hostler-new`, 'half');
    const session = localSession({ env: { PATH: `${join(root, 'bin')}${delimiter}${process.env['PATH'] ?? ''}` } });
    mkdirSync(session.stateDirectory);
    const run = await session.run({ ...script, text: script.text.replaceAll(/\/etc\/(?=docker|ssh)/g, `${root}/`) });
    session.remove();
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(readFileSync(join(root, 'modes'), 'utf8')).toBe('600\n');
    expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['new\n', 0o600]);
  });
});
