import { expect, it } from 'vitest';
import { openEmbeddedStorage } from '../../../src/apiserver/storage/embedded.ts';
import type { Storage } from '../../../src/apiserver/storage/storage.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { eventually, startTestServer, type Reply } from '../../support/apiServer.ts';
import { temporaryDirectory } from '../../support/storage.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const TEAM = `${RBAC}/namespaces/default`;

/** The same store, of which watches tell `delay.ms` later, as of one that others write to. */
function slowly(storage: Storage, delay: { ms: number }): Storage {
  const watch: Storage['watch'] = async function* (...args) {
    for await (const item of storage.watch(...args)) {
      await new Promise((resolve) => setTimeout(resolve, delay.ms));
      yield item;
    }
  };
  return new Proxy(storage, {
    get: (target, name) => {
      if (name === 'watch') return watch;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

it('a role that was just made is bound, and one that just got more is not, however late the server is told', async () => {
  const delay = { ms: 0 };
  const directory = await temporaryDirectory();
  const storage = slowly(await openEmbeddedStorage(directory.path, { log: silentLogger }), delay);
  const server = await startTestServer({ storage });
  const jane = await server.agentOf('jane', []);
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }];
  const subjects = [{ kind: 'User', name: 'jane' }];
  const bound = (kind: string, name: string): object => ({ metadata: { name }, roleRef: { kind, name }, subjects });
  const bind = (body: object, query = ''): Promise<Reply> =>
    server.ask('POST', `${TEAM}/rolebindings${query}`, { body, agent: jane });
  try {
    const own = [...rules, { apiGroups: ['rbac.authorization.k8s.io'], resources: ['*'], verbs: ['create'] }];
    await server.post(`${RBAC}/clusterroles`, { metadata: { name: 'own' }, rules: own });
    await server.post(`${RBAC}/clusterrolebindings`, bound('ClusterRole', 'own'));
    await eventually(async () => expect((await bind(bound('ClusterRole', 'own'), '?dryRun=All')).code).toBe(201));

    delay.ms = 100;
    await server.post(`${TEAM}/roles`, { metadata: { name: 'new' }, rules });
    const made = await bind(bound('Role', 'new'));
    expect(made.code, made.text).toBe(201);
    await server.post(`${TEAM}/roles`, { metadata: { name: 'grown' }, rules });
    expect((await bind(bound('Role', 'grown'), '?dryRun=All')).code).toBe(201);
    await server.patch(`${TEAM}/roles/grown`, 'merge', { rules: [{ ...rules[0], verbs: ['*'] }] });
    expect((await bind(bound('Role', 'grown'))).code).toBe(403);
  } finally {
    delay.ms = 0;
    jane.destroy();
    await server.close();
    await directory.remove();
  }
});
