import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { OsRelease } from '../../../../src/host/facts.ts';
import { dockerCeSource, repositoryFor } from '../../../../src/host/providers/dockerCe.ts';
import { DOCKER_CE_FINGERPRINT, DOCKER_CE_KEY } from '../../../../src/host/providers/dockerCeKey.ts';
import { fingerprintOf } from '../../../../src/host/providers/openpgpKey.ts';

const directory = mkdtempSync(join(tmpdir(), 'hostler-key-'));
const keyFile = join(directory, 'key.asc');
writeFileSync(keyFile, DOCKER_CE_KEY);
afterAll(() => rmSync(directory, { recursive: true }));

describe("Docker's signing key", () => {
  it('has the fingerprint that Docker publishes', () => {
    expect(fingerprintOf(DOCKER_CE_KEY)).toBe(DOCKER_CE_FINGERPRINT);
  });

  it('is told apart from one with a single other bit', () => {
    const other = DOCKER_CE_KEY.replace('mQINBFit2ioBEADh', 'mQINBFit2ioBEADi');
    expect(fingerprintOf(other)).not.toBe(DOCKER_CE_FINGERPRINT);
  });

  it.each([
    '',
    'no key',
    DOCKER_CE_KEY.slice(0, 300),
    DOCKER_CE_KEY.replace(/mQIN.*\n/, ''),
    DOCKER_CE_KEY.replaceAll('PUBLIC', 'PRIVATE'),
    `${DOCKER_CE_KEY}\n-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQIN\n-----END PGP PRIVATE KEY BLOCK-----\n`,
    `password: hunter2\n${DOCKER_CE_KEY}`,
  ])('is not read out of something else, or of something with more in it (%#)', (text) => {
    expect(fingerprintOf(text)).toBeUndefined();
  });
});

describe('the source of Docker CE', () => {
  it("is Docker's own without a word in the environment", () => {
    expect(dockerCeSource({})).toEqual({ url: 'https://download.docker.com/linux', key: DOCKER_CE_KEY });
  });

  it("is the operator's mirror when the environment says so", () => {
    const environment = {
      HOSTLER_DOCKER_CE_URL: 'http://192.0.2.1:8080/linux/',
      HOSTLER_DOCKER_CE_KEY: keyFile,
      HOSTLER_DOCKER_CE_FINGERPRINT: '9DC8 5822 9FC7 DD38 854A  E2D8 8D81 803C 0EBF CD88',
    };
    expect(dockerCeSource(environment)).toEqual({ url: 'http://192.0.2.1:8080/linux', key: DOCKER_CE_KEY });
  });

  it('is refused when the key is not the pinned one or cannot be read', () => {
    const wrong = { HOSTLER_DOCKER_CE_KEY: keyFile, HOSTLER_DOCKER_CE_FINGERPRINT: '00'.repeat(20) };
    expect(() => dockerCeSource(wrong)).toThrow(/has fingerprint 9DC85822.*, not 0000/);
    expect(() => dockerCeSource({ HOSTLER_DOCKER_CE_KEY: '/no/such/file' })).toThrow(/\/no\/such\/file cannot be read/);
    writeFileSync(join(directory, 'no.asc'), 'no key');
    expect(() => dockerCeSource({ HOSTLER_DOCKER_CE_KEY: join(directory, 'no.asc') })).toThrow(/no ASCII-armored/);
  });

  it.each<{ os: OsRelease | undefined; uri: string | undefined }>([
    { os: { id: 'debian', idLike: [], name: '', codename: 'bookworm' }, uri: 'https://d/linux/debian' },
    { os: { id: 'ubuntu', idLike: ['debian'], name: '', codename: 'noble' }, uri: 'https://d/linux/ubuntu' },
    { os: { id: 'linuxmint', idLike: ['ubuntu'], name: '', codename: 'wilma' }, uri: undefined },
    { os: { id: 'debian', idLike: [], name: '' }, uri: undefined },
    { os: { id: 'debian', idLike: [], name: '', codename: 'x y; reboot' }, uri: undefined },
    { os: { id: 'rocky', idLike: ['rhel'], name: '', codename: 'x' }, uri: undefined },
    { os: undefined, uri: undefined },
  ])('has for $os.id $os.codename the repository $uri', ({ os, uri }) => {
    expect(repositoryFor(os, { url: 'https://d/linux', key: '' })?.uri).toBe(uri);
  });
});
