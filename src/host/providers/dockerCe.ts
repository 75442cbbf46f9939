import { readFileSync } from 'node:fs';
import { TerminalError } from '../../lib/errors.ts';
import type { OsRelease } from '../facts.ts';
import type { AptRepository } from './apt.ts';
import { DOCKER_CE_FINGERPRINT, DOCKER_CE_KEY } from './dockerCeKey.ts';
import { fingerprintOf } from './openpgpKey.ts';

/** Where docker-ce comes from: base URL and signing key. */
export interface DockerCeSource {
  /** Without a slash at the end: `https://download.docker.com/linux`. */
  url: string;
  /** ASCII-armored public key. */
  key: string;
}

let source: DockerCeSource | undefined;

/**
 * Docker's own repository, or, for tests and the operator's own mirror, what the controller's environment says:
 * `HOSTLER_DOCKER_CE_URL` (in place of https://download.docker.com/linux) and with it `HOSTLER_DOCKER_CE_KEY` (file
 * with the armored public key; default: Docker's) and `HOSTLER_DOCKER_CE_FINGERPRINT` (checked when given). Internal:
 * no part of the API, read once per process.
 * @throws TerminalError InvalidSpec  when the key cannot be read or has another fingerprint.
 */
export function dockerCeSource(environment: NodeJS.ProcessEnv = process.env): DockerCeSource {
  if (environment !== process.env) return readSource(environment);
  source ??= readSource(environment);
  return source;
}

function readSource(environment: NodeJS.ProcessEnv): DockerCeSource {
  const url = environment['HOSTLER_DOCKER_CE_URL'] ?? 'https://download.docker.com/linux';
  const file = environment['HOSTLER_DOCKER_CE_KEY'];
  const key = file === undefined ? DOCKER_CE_KEY : readKey(file);
  const expected =
    environment['HOSTLER_DOCKER_CE_FINGERPRINT'] ?? (file === undefined ? DOCKER_CE_FINGERPRINT : undefined);
  const found = fingerprintOf(key);
  if (found === undefined)
    throw new TerminalError('InvalidSpec', 'the Docker CE signing key is no ASCII-armored OpenPGP public key.');
  if (expected !== undefined && found !== expected.replaceAll(' ', '').toUpperCase()) {
    throw new TerminalError('InvalidSpec', `the Docker CE signing key has fingerprint ${found}, not ${expected}.`, {
      remedy: 'Correct HOSTLER_DOCKER_CE_KEY or HOSTLER_DOCKER_CE_FINGERPRINT in the environment of Hostler.',
    });
  }
  return { url: url.replace(/\/+$/, ''), key };
}

function readKey(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new TerminalError('InvalidSpec', `the key file ${file} cannot be read.`, {
      cause: error,
      remedy: 'Correct HOSTLER_DOCKER_CE_KEY in the environment of Hostler.',
    });
  }
}

const DISTRIBUTIONS = new Set(['debian', 'ubuntu', 'raspbian']);

/**
 * The repository for a host: `<url>/<id> <codename> stable`. A derivative uses its nearest relative's only when it
 * keeps that relative's codenames, which os-release cannot tell: so it gets none.
 */
export function repositoryFor(os: OsRelease | undefined, from: DockerCeSource): AptRepository | undefined {
  if (os?.codename === undefined || !DISTRIBUTIONS.has(os.id) || !/^[a-z0-9-]{1,64}$/.test(os.codename))
    return undefined;
  return { uri: `${from.url}/${os.id}`, suite: os.codename, components: ['stable'], key: from.key };
}
