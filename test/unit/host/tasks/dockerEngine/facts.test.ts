import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ownSource } from '../../../../../src/host/providers/apt.ts';
import { Records } from '../../../../../src/host/records.ts';
import { engineFragment, type DockerHave } from '../../../../../src/host/tasks/dockerEngine/facts.ts';
import { dockerEngine } from '../../../../../src/host/tasks/dockerEngine/task.ts';
import { shells } from '../../../../support/localSession.ts';
import { DISTRO } from './engineHosts.ts';

describe('what docker-engine reads', () => {
  const parse = (entries: Record<string, string | { status: number; text: string }>): DockerHave => {
    const records = new Records(
      new Map(
        Object.entries(entries).map(([name, entry]) => [
          name,
          typeof entry === 'string' ? { status: 0, text: entry } : entry,
        ]),
      ),
    );
    return Object.assign({}, ...dockerEngine.facts.map((fragment) => fragment.parse(records))) as DockerHave;
  };

  it('tells installed, held, half-installed and removed packages apart', () => {
    const { packages } = parse({
      packages: {
        status: 1,
        text: [
          `docker.io\t${DISTRO}\thold\tinstalled`,
          'docker-cli\t26.1.5\tinstall\tunpacked',
          'docker-ce\t5:28.5.2\tdeinstall\tconfig-files',
          'containerd.io\t\tunknown\tnot-installed',
          'runc\t\thold\tnot-installed',
        ].join('\n'),
      },
    });
    expect(Object.fromEntries(packages)).toEqual({
      'docker.io': { version: DISTRO, complete: true, held: true },
      'docker-cli': { version: '26.1.5', complete: false, held: false },
      runc: { version: '', complete: true, held: true },
    });
  });

  it('names what a cut left half-installed', () => {
    expect(parse({ unfinished: 'iF  libc-bin\nit  man-db\n' }).unfinished).toEqual(['libc-bin', 'man-db']);
    expect(parse({ unfinished: { status: 1, text: '' } })).not.toHaveProperty('unfinished');
  });

  it.each([
    {
      unit: 'LoadState=loaded\nActiveState=active\nUnitFileState=enabled',
      service: { startup: 'enabled', state: 'active' },
    },
    {
      unit: 'LoadState=loaded\nActiveState=failed\nUnitFileState=disabled',
      service: { startup: 'disabled', state: 'failed' },
    },
    {
      unit: 'LoadState=loaded\nActiveState=activating\nUnitFileState=enabled',
      service: { startup: 'enabled', state: 'starting' },
    },
    {
      unit: 'LoadState=loaded\nActiveState=deactivating\nUnitFileState=enabled',
      service: { startup: 'enabled', state: 'stopping' },
    },
    {
      unit: 'LoadState=masked\nActiveState=inactive\nUnitFileState=masked',
      service: { startup: 'masked', state: 'inactive' },
    },
    {
      unit: 'LoadState=not-found\nActiveState=inactive\nUnitFileState=',
      service: { startup: 'unknown', state: 'absent' },
    },
  ])('reads the unit: $service.state', ({ unit, service }) => {
    expect(parse({ unit }).service).toEqual(service);
  });

  it('does not take a missing file for an empty one, nor an unreadable one for a missing one', () => {
    expect(parse({ config: { status: 1, text: '' } }).file).toEqual({ state: 'absent', text: '' });
    expect(parse({ config: { status: 2, text: '' } }).file.state).toBe('unreadable');
    expect(parse({ config: '{}' }).file.state).toBe('unreadable'); // it came after its digest was asked for
    expect(parse({ config: '{}', digest: `${'a'.repeat(64)}  /etc/docker/daemon.json` }).file).toEqual({
      state: 'present',
      text: '{}',
      digest: 'a'.repeat(64),
    });
  });

  it.each(['', 'null', '[]', '{"ServerVersion": 7}', '{"ServerVersion": ""}', '<html>', '{"ServerVersion": "28'])(
    'takes %j for no answer of a daemon',
    (info) => {
      expect(parse({ info }).info).toBeUndefined();
    },
  );

  it('finds the entry that somebody made for the repository', () => {
    const found = parse({
      'source.1.path': '/etc/apt/sources.list.d/docker.list',
      'source.1.text': 'deb [signed-by=/k] https://download.docker.com/linux/debian bookworm stable',
      'source.2.path': ownSource.list,
    });
    expect(found.sources).toEqual([
      {
        path: '/etc/apt/sources.list.d/docker.list',
        uri: 'https://download.docker.com/linux/debian',
        suites: ['bookworm'],
      },
    ]);
  });
});

describe.each(shells)('without systemd, under $name', ({ shell: [program = 'sh', ...args] }) => {
  // as the daemon writes it: without a newline
  it.each([
    { file: String(process.pid), shown: 'pid=1\n' },
    { file: '', shown: '' },
    { file: undefined, shown: '' },
  ])('sees by the pid file $file whether the daemon runs', ({ file, shown }) => {
    const directory = mkdtempSync(join(tmpdir(), 'hostler-pid-'));
    if (file !== undefined) writeFileSync(join(directory, 'docker.pid'), file);
    const text = engineFragment.script
      .replaceAll('/run/systemd/system', join(directory, 'none'))
      .replaceAll('/run/docker.pid', join(directory, 'docker.pid'));
    const helpers = `set -u\nput() { [ "$1" != pid ] || echo "$1=$2"; }\nrun() { :; }\nfile() { :; }\n`;
    const { stdout, stderr } = spawnSync(program, [...args, '-c', helpers + text, 'sh', ''], { encoding: 'utf8' });
    rmSync(directory, { recursive: true });
    expect({ stdout, stderr }).toEqual({ stdout: shown, stderr: '' });
  });
});
