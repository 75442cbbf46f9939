import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { TerminalError } from '../../lib/errors.ts';
import type { OsRelease } from '../facts.ts';
import { DOCKER_CE_FINGERPRINT, DOCKER_CE_KEY } from './dockerCeKey.ts';

/** Where docker-ce comes from: base URL and signing key. */
export interface DockerCeSource {
  /** Without a slash at the end: `https://download.docker.com/linux`. */
  url: string;
  /** ASCII-armored public key. */
  key: string;
}

/** The repository of one distribution, as apt knows it. */
export interface AptRepository extends DockerCeSource {
  /** `https://download.docker.com/linux/debian`. */
  uri: string;
  /** `bookworm`. */
  suite: string;
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

/**
 * Fingerprint of the first key in an armored block: 40 upper-case hex digits.
 * Source: RFC 4880 §4.2 (packet headers), §6.2 (armor), §12.2 (version 4 fingerprints).
 * @throws TerminalError InvalidSpec  when there is no version 4 public key in it.
 */
export function fingerprintOf(armored: string): string {
  const body =
    /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n([A-Za-z0-9+/=\s]+?)\r?\n(?:=[A-Za-z0-9+/]{4}\s+)?-----END/.exec(
      armored,
    )?.[1];
  const packet = body === undefined ? undefined : publicKeyPacket(Buffer.from(body, 'base64'));
  if (packet?.[0] !== 4) {
    throw new TerminalError('InvalidSpec', 'the Docker CE signing key is no ASCII-armored OpenPGP public key.');
  }
  const prefix = Buffer.from([0x99, packet.length >> 8, packet.length & 0xff]);
  return createHash('sha1').update(prefix).update(packet).digest('hex').toUpperCase();
}

const PUBLIC_KEY_TAG = 6;

function publicKeyPacket(bytes: Buffer): Buffer | undefined {
  const header = bytes[0] ?? 0;
  const [tag, length, start] = (header & 0x40) === 0 ? oldFormat(bytes, header) : newFormat(bytes, header);
  return tag === PUBLIC_KEY_TAG && bytes.length >= start + length ? bytes.subarray(start, start + length) : undefined;
}

function oldFormat(bytes: Buffer, header: number): [tag: number, length: number, start: number] {
  const size = 2 ** (header & 0x03);
  const known = size <= 4 && bytes.length > size;
  return [(header >> 2) & 0x0f, known ? bytes.readUIntBE(1, size) : Infinity, 1 + size];
}

function newFormat(bytes: Buffer, header: number): [tag: number, length: number, start: number] {
  const first = bytes[1] ?? 0;
  if (first < 192) return [header & 0x3f, first, 2];
  if (first < 224) return [header & 0x3f, ((first - 192) << 8) + (bytes[2] ?? 0) + 192, 3];
  return [header & 0x3f, first === 255 && bytes.length > 6 ? bytes.readUInt32BE(2) : Infinity, 6];
}

const DISTRIBUTIONS = new Set(['debian', 'ubuntu', 'raspbian']);

/**
 * The repository for a host: `<url>/<id> <codename> stable`. A derivative uses its nearest relative's only when it
 * keeps that relative's codenames, which os-release cannot tell: so it gets none.
 */
export function repositoryFor(os: OsRelease | undefined, from: DockerCeSource): AptRepository | undefined {
  if (os?.codename === undefined || !DISTRIBUTIONS.has(os.id) || !/^[a-z0-9-]{1,64}$/.test(os.codename))
    return undefined;
  return { ...from, uri: `${from.url}/${os.id}`, suite: os.codename };
}
