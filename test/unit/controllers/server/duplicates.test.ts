import { beforeEach, describe, expect, it } from 'vitest';
import type { Server } from '../../../../src/api/server.ts';
import type { ServerSpec } from '../../../../src/api/serverSpec.ts';
import { refuseDuplicate } from '../../../../src/controllers/server/duplicates.ts';
import type { Scope } from '../../../../src/controllers/server/scope.ts';
import type { OwnerOnHost } from '../../../../src/host/ownership.ts';
import { fingerprint } from '../../../../src/ssh/knownHostKey.ts';
import { FakeSession } from '../../../support/fakeSession.ts';
import { observed, scopeOf } from '../../../support/serverScope.ts';

const MACHINE_ID = '3d1219c7c4c5404aaa1f6d2a48adfda4';
const session = new FakeSession({}, {});
const print = fingerprint(session.login.hostKey);

let servers: Server[];
let owner: OwnerOnHost;

beforeEach(() => {
  servers = [];
  owner = { state: 'Free' };
});

/** A Server on the machine that {@link session} leads to; each is a minute younger than the one before. */
function server(name: string, changes: { namespace?: string; spec?: Partial<ServerSpec>; print?: string } = {}) {
  const made = {
    apiVersion: 'hostler.dev/v1alpha1',
    kind: 'Server',
    metadata: {
      uid: `uid-${name}`,
      namespace: changes.namespace ?? 'acme',
      name,
      generation: 1,
      creationTimestamp: `2026-01-01T00:0${servers.length}:00Z`,
    },
    spec: {
      addresses: [{ type: 'IPv4' as const, address: '203.0.113.10' }],
      ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
      ...changes.spec,
    },
    status: {
      identity: { machineID: MACHINE_ID },
      hostKeys: [{ type: 'ssh-ed25519', fingerprint: changes.print ?? print, trusted: true }],
    },
  };
  servers.push(made);
  return made;
}

const owned = (by: string): OwnerOnHost => ({
  state: 'Owned',
  installation: 'installation-1',
  server: `uid-${by}`,
  token: { lease: 'lease-1', transitions: 1 },
});

/** What keeps that Server, which just looked at the machine, from changing it. */
function refusal(of: Scope['server']): string | undefined {
  const scope = observed(scopeOf({ server: of, session }), { owner, machineID: MACHINE_ID });
  const byIndex = (_name: string, id: string) => servers.filter(({ status }) => status?.identity?.machineID === id);
  const lister = { get: () => undefined, list: () => [], byIndex };
  try {
    refuseDuplicate({ servers: lister, installationUID: 'installation-1' }, scope);
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error.message;
  }
}

describe('two Servers on one machine', () => {
  it('leave it to the older one while nobody owns it', () => {
    const [first, second] = [server('first'), server('second')];
    expect(refusal(first)).toBeUndefined();
    expect(refusal(second)).toBe(
      `This is the machine of Server first: both have machine id ${MACHINE_ID} and the same host key.`,
    );
  });

  it('leave it to the owner, however young', () => {
    const [first, second] = [server('first'), server('second')];
    owner = owned('second');
    expect(refusal(first)).toContain('Server second');
    expect(refusal(second)).toBeUndefined();
  });

  it('do not learn the names of other namespaces', () => {
    server('first', { namespace: 'globex' });
    expect(refusal(server('second'))).toContain('the machine of a Server of another namespace:');
  });

  it('do not disturb each other when the older one only observes', () => {
    server('first', { spec: { management: { default: 'Observe' } } });
    expect(refusal(server('second'))).toBeUndefined();
  });

  it('are two machines when no host key is the same', () => {
    server('first', { print: `SHA256:${'A'.repeat(43)}` });
    expect(refusal(server('second'))).toBeUndefined();
  });

  it('say nothing of an owner that is unknown: the host itself refuses', () => {
    const only = server('only');
    owner = owned('gone');
    expect(refusal(only)).toBeUndefined();
  });
});
