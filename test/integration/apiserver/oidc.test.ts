import { createHmac, createPublicKey } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OidcSettings } from '../../../src/apiserver/authentication/oidc/settings.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { createLogger } from '../../../src/lib/logger.ts';
import { startTestServer, type Reply, type TestServer } from '../../support/apiServer.ts';
import {
  encode,
  goodClaims,
  OidcIssuer,
  publicJwk,
  signToken,
  tokenKey,
  type TokenKey,
} from '../../support/oidcIssuer.ts';

const REVIEWS = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const MINUTE_MS = 60_000;
/** How far the server's clock is ahead. */
let ahead = 0;
const clock = { ...systemClock, now: () => Date.now() + ahead };
const log: string[] = [];
const spare = tokenKey('RS256', 'spare');
let issuer: OidcIssuer;
let server: TestServer;

const settings = (changes: Partial<OidcSettings> = {}): OidcSettings => ({
  issuerUrl: issuer.url,
  clientId: 'hostler',
  usernameClaim: 'sub',
  usernamePrefix: 'oidc:',
  groupsClaim: 'groups',
  groupsPrefix: 'oidc:',
  requiredClaims: { org: 'acme' },
  signingAlgorithms: ['RS256', 'ES256', 'PS256'],
  keys: { from: 'discovery', ca: issuer.ca },
  ...changes,
});
const start = (changes: Partial<OidcSettings> = {}): Promise<TestServer> =>
  startTestServer({
    clock,
    log: createLogger({ level: 'debug', destination: { write: (line) => void log.push(line) } }),
    oidc: settings(changes),
  });
const whoami = (token: string, at = server): Promise<Reply> =>
  at.ask('POST', REVIEWS, { body: {}, headers: { authorization: `Bearer ${token}` }, agent: at.nobody });
const good = (): Record<string, unknown> => ({ ...goodClaims(issuer.url, clock.now()), org: 'acme' });
const token = (claims: Record<string, unknown> = {}, key = issuer.keys[0]): string =>
  issuer.token({ ...good(), ...claims }, key);
const codeOf = async (text: string, at = server): Promise<number> => (await whoami(text, at)).code;

beforeAll(async () => {
  issuer = await OidcIssuer.start();
  server = await start();
});
afterAll(async () => {
  await server.close();
  await issuer.remove();
});
beforeEach(() => {
  // another look at the keys is allowed
  ahead += MINUTE_MS;
});

describe('an ID token of the issuer', () => {
  it('is its user with his groups', async () => {
    const { body } = await whoami(token({ groups: ['staff', 'ops'] }));
    expect(body.status).toEqual({
      userInfo: { username: 'oidc:jane', groups: ['oidc:staff', 'oidc:ops', 'system:authenticated'] },
    });
  });

  it('is taken with kubectl, and has the rights of its group', async () => {
    const args = ['--server', server.api.url, '--certificate-authority', join(server.directory, 'pki/ca.crt')];
    const asJane = (...command: string[]) =>
      server.kubectl('1.35', [...args, '--token', token({ groups: ['staff'] }), ...command], {
        env: { KUBECONFIG: '/dev/null' },
      });
    expect((await asJane('auth', 'whoami')).stdout).toContain('oidc:jane');
    expect((await asJane('get', 'configmaps')).stderr).toContain('User "oidc:jane" cannot list');
    await server.post('/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
      metadata: { name: 'staff' },
      roleRef: { kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'Group', name: 'oidc:staff', apiGroup: 'rbac.authorization.k8s.io' }],
    });
    expect((await asJane('get', 'configmaps')).code).toBe(0);
  });

  it('is known by TokenReview to this server’s audience', async () => {
    const review = async (spec: object): Promise<unknown> =>
      (await server.post('/apis/authentication.k8s.io/v1/tokenreviews', { spec })).body.status['authenticated'];
    expect(await review({ token: token() })).toBe(true);
    expect(await review({ token: token(), audiences: ['https://kubernetes.default.svc.cluster.local'] })).toBe(true);
    expect(await review({ token: token(), audiences: ['vault'] })).toBeUndefined();
  });

  it.each(['ES256', 'PS256'] as const)('may be signed with %s', async (alg) => {
    const key = tokenKey(alg);
    issuer.keys = [...issuer.keys, key];
    expect(await codeOf(token({}, key))).toBe(201);
  });

  it('may be signed by any of several keys without names', async () => {
    const [one, two] = [tokenKey('RS256', ''), tokenKey('RS256', '')].map(({ alg, privateKey }) => ({
      alg,
      privateKey,
    }));
    const before = issuer.keys;
    issuer.keys = [one!, two!];
    expect(await codeOf(token({}, two))).toBe(201);
    expect(await codeOf(token({}, one))).toBe(201);
    issuer.keys = before;
  });
});

describe('a token is refused', () => {
  const cases: Record<string, () => string> = {
    'that is for somebody else': () => token({ aud: 'grafana' }),
    'that is over': () => token({ exp: Math.floor(clock.now() / 1000) - 1 }),
    'that is for later': () => token({ nbf: Math.floor(clock.now() / 1000) + 120 }),
    'of another issuer': () => token({ iss: 'https://login.example.com' }),
    'without a required claim': () => token({ org: undefined }),
    'without a user name': () => token({ sub: undefined }),
    'signed by a key that is not the issuer’s': () => token({}, { ...tokenKey(), kid: issuer.keys[0]!.kid! }),
    'without a signature': () => `${encode({ alg: 'none' })}.${encode(good())}.`,
    'signed with the public key as password': () => {
      const { privateKey, kid } = issuer.keys[0]!;
      const text = `${encode({ alg: 'HS256', kid })}.${encode(good())}`;
      const pem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' });
      return `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`;
    },
    'that brings its own key': () => {
      const key = tokenKey();
      const head = encode({ alg: 'RS256', jwk: publicJwk(key), jku: `${issuer.url}/keys` });
      const [, body, signature] = token({}, key).split('.');
      return [head, body, signature].join('.');
    },
    'with changed claims': () => {
      const [head, , signature] = token().split('.');
      return [head, encode({ ...good(), sub: 'root' }), signature].join('.');
    },
    'that is JSON instead of compact': () => {
      const [head, payload, signature] = token().split('.');
      return Buffer.from(JSON.stringify({ protected: head, payload, signature })).toString('base64url');
    },
  };
  it.each(Object.entries(cases))('%s', async (_, make) => {
    expect(await codeOf(token())).toBe(201);
    log.length = 0;
    const bad = make();
    expect(await codeOf(bad)).toBe(401);
    expect(log.join('')).not.toContain(bad);
  });

  it('and the log says why, without it', async () => {
    const bad = token({ aud: 'grafana' });
    await whoami(bad);
    const line = log.find((one) => one.includes('an OIDC token was refused') && one.includes('aud does not name'));
    expect(line).toBeDefined();
    expect(log.join('')).not.toContain(bad.split('.')[2]);
  });
});

describe('the keys of the issuer', () => {
  it('are read again for an unknown one, but not for every token that names one', async () => {
    const next = tokenKey();
    issuer.keys = [next];
    const asked = issuer.asked;
    expect(await codeOf(token({}, next))).toBe(201);
    await Promise.all(Array.from({ length: 20 }, () => codeOf(token({}, spare))));
    expect(issuer.asked).toBe(asked + 1);
  });

  it('are kept while the issuer is away', async () => {
    expect(await codeOf(token())).toBe(201);
    await issuer.down();
    ahead += 20 * MINUTE_MS;
    expect(await codeOf(token())).toBe(201);
    expect(await codeOf(token({}, spare))).toBe(401);
    await issuer.up();
    ahead += MINUTE_MS;
    issuer.keys = [spare, ...issuer.keys];
    expect(await codeOf(token({}, spare))).toBe(201);
    issuer.keys = issuer.keys.filter((key) => key !== spare);
  });

  it('are forgotten soon after the issuer took them back', async () => {
    const old = issuer.keys[0];
    expect(await codeOf(token({}, old))).toBe(201);
    issuer.keys = [tokenKey()];
    ahead += 11 * MINUTE_MS;
    // this one may still be taken, while the keys are read
    await codeOf(token({}, old));
    await expect.poll(() => codeOf(token({}, old))).toBe(401);
    expect(await codeOf(token())).toBe(201);
  });

  it('are not waited for at the start: until they come tokens are refused and all else works', async () => {
    await issuer.down();
    const early = await start();
    expect((await early.get('/readyz', { agent: early.nobody })).text).toBe('ok');
    expect(await codeOf(token(), early)).toBe(401);
    expect(log.join('')).toContain(`${issuer.url}/.well-known/openid-configuration cannot be read`);
    await issuer.up();
    expect(await codeOf(token(), early)).toBe(401);
    ahead += MINUTE_MS;
    expect(await codeOf(token(), early)).toBe(201);
    await early.close();
  });

  it('are not taken from who says to be another, nor from whom the authority does not know', async () => {
    issuer.issuer = 'https://login.example.com';
    const fooled = await start();
    const careful = await start({ keys: { from: 'discovery' } });
    expect(await codeOf(token(), fooled)).toBe(401);
    expect(await codeOf(token(), careful)).toBe(401);
    issuer.issuer = issuer.url;
    ahead += MINUTE_MS;
    expect(await codeOf(token(), fooled)).toBe(201);
    expect(await codeOf(token(), careful)).toBe(401);
    await fooled.close();
    await careful.close();
  });

  it('may come from a file, also such that are put there later', async () => {
    const path = join(issuer.directory, 'keys.json');
    const keys = (...all: TokenKey[]) => writeFile(path, JSON.stringify({ keys: all.map(publicJwk) }));
    const fromFile = { keys: { from: 'file', path } } as const;
    await writeFile(path, '{}');
    await expect(start(fromFile)).rejects.toThrow(`${path} is not a JSON Web Key Set`);
    await keys(issuer.keys[0]!);
    await issuer.down();
    const alone = await start(fromFile);
    expect(await codeOf(token(), alone)).toBe(201);
    expect(await codeOf(token({}, spare), alone)).toBe(401);
    await keys(issuer.keys[0]!, spare);
    ahead += MINUTE_MS;
    expect(await codeOf(signToken(spare, good()), alone)).toBe(201);
    await alone.close();
    await issuer.up();
  });
});
