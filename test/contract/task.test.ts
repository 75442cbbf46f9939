import { describe, expect, it } from 'vitest';
import { tasks } from '../../src/host/tasks/registry.ts';
import { describeTasks, type DeclaredCase } from './task.ts';

/** Every block that some task manages, in several shapes. A new task adds the block that it reads. */
const declared: readonly DeclaredCase[] = [
  { name: 'any Docker', spec: { docker: {} } },
  {
    name: 'a Docker of the distribution with everything set',
    spec: {
      docker: {
        version: '>=20 <40',
        hold: true,
        source: { type: 'Distro' },
        daemonConfig: { 'live-restore': true, 'log-driver': 'json-file' },
        users: ['root', 'nobody'],
      },
    },
  },
  {
    name: 'a mirror whose key was not read',
    spec: {
      docker: {
        source: {
          type: 'Mirror',
          mirror: { url: 'https://mirror.example.com/x', keySecretRef: { name: 'mirror-key' } },
        },
      },
    },
  },
  {
    name: 'a bundle that was not read',
    spec: { docker: { source: { type: 'Bundle', bundle: { bundleRef: { name: 'docker' } } } } },
  },
  {
    name: 'an exact DockerCE',
    spec: { docker: { version: '28.5.2', source: { type: 'DockerCE' }, users: ['nobody'] } },
  },
  { name: 'a proxy with its engine', spec: { docker: {}, proxy: { type: 'Nginx', version: '1.28' } } },
  {
    name: 'a proxy with certificates',
    spec: { docker: {}, proxy: { type: 'Traefik', acme: { email: 'ops@example.com' } } },
  },
  { name: 'no proxy', spec: { proxy: { type: 'None' } } },
  { name: 'nothing about sshd', spec: { hardening: { sshd: {} } } },
  {
    name: 'an sshd with everything set',
    spec: {
      hardening: {
        sshd: {
          ports: [22, 2222],
          passwordAuthentication: 'Disabled',
          permitRootLogin: 'KeyOnly',
          maxAuthTries: 3,
          clientAlive: { intervalSeconds: 300, countMax: 2 },
        },
      },
    },
  },
];

describe('the registry', () => {
  it('has every task once', () => {
    const names = tasks.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(0);
  });

  it('has one task per preflight check', () => {
    const names = tasks.flatMap(({ checks }) => checks?.names ?? []);
    expect(new Set(names).size).toBe(names.length);
  });
});

describeTasks(tasks, declared);
