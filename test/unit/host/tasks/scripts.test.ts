import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { providerFacts } from '../../../../src/host/providers/facts.ts';
import * as bundleScripts from '../../../../src/host/tasks/dockerEngine/bundleScripts.ts';
import * as engineScripts from '../../../../src/host/tasks/dockerEngine/scripts.ts';
import * as proxyScripts from '../../../../src/host/tasks/proxy/scripts.ts';
import { tasks } from '../../../../src/host/tasks/registry.ts';
import { shells } from '../../../support/localSession.ts';

const texts = [
  ...Object.entries({ ...bundleScripts, ...engineScripts, ...proxyScripts }).map(([name, text]) => ({ name, text })),
  ...tasks.flatMap(({ name, facts }) => facts.map(({ script }, index) => ({ name: `${name}#${index}`, text: script }))),
  ...providerFacts.map(({ script }, index) => ({ name: `provider#${index}`, text: script })),
];

describe.each(shells)('under $name', ({ shell }) => {
  it.each(texts)('$name is a program that the shell can read', ({ text }) => {
    const [program = 'sh', ...args] = shell;
    const result = spawnSync(program, [...args, '-n'], { input: text, encoding: 'utf8' });
    expect(result).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('the registry', () => {
  it('names every task once', () => {
    const names = tasks.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('answers each preflight check once', () => {
    const checks = tasks.flatMap((task) => task.checks?.names ?? []);
    expect(new Set(checks).size).toBe(checks.length);
  });
});
