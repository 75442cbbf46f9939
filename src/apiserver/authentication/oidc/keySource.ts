import { readFile } from 'node:fs/promises';
import { get } from 'node:https';
import type { JSONWebKeySet } from 'jose';
import { messageOf } from '../../../lib/errors.ts';
import type { OidcSettings } from './settings.ts';

/** Time for one answer of the issuer, in milliseconds, and its size in bytes. */
const ANSWER_MS = 5000;
const ANSWER_BYTES = 1024 * 1024;

/** Reads the issuer's public keys anew. @throws Error that says where and what to do. */
export type KeySource = () => Promise<JSONWebKeySet>;

/** Where the keys of `settings` are. */
export function keySource({ issuerUrl, keys }: OidcSettings): KeySource {
  if (keys.from === 'file') return () => readKeys(keys.path);
  return () => discoverKeys(issuerUrl, keys.ca);
}

async function readKeys(path: string): Promise<JSONWebKeySet> {
  return toKeySet(parse(await readFile(path, 'utf8'), path), path);
}

/** OpenID Connect Discovery 1.0, section 4: the issuer's document names its keys. */
async function discoverKeys(issuerUrl: string, ca: string | undefined): Promise<JSONWebKeySet> {
  const url = `${issuerUrl.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const { issuer, jwks_uri: keysUrl } = parse(await fetchText(url, ca), url);
  if (issuer !== issuerUrl) {
    throw new Error(`${url} is of another issuer: set --oidc-issuer-url to the very text of its field "issuer"`);
  }
  if (typeof keysUrl !== 'string' || !keysUrl.startsWith('https://')) {
    throw new Error(`${url}: jwks_uri is not an https URL`);
  }
  return toKeySet(parse(await fetchText(keysUrl, ca), keysUrl), keysUrl);
}

function parse(text: string, source: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${source} is not JSON`, { cause: error });
  }
  if (typeof value !== 'object' || value === null) throw new Error(`${source} is not a JSON object`);
  return value as Record<string, unknown>;
}

function toKeySet({ keys }: Record<string, unknown>, source: string): JSONWebKeySet {
  const isKey = (key: unknown): boolean => typeof key === 'object' && key !== null && 'kty' in key;
  if (!Array.isArray(keys) || !keys.every(isKey)) {
    throw new Error(`${source} is not a JSON Web Key Set: {"keys": [{"kty": …}, …]}`);
  }
  return { keys: keys as JSONWebKeySet['keys'] };
}

/** Follows no redirect: an issuer's own documents stand where it says. */
async function fetchText(url: string, ca: string | undefined): Promise<string> {
  const signal = AbortSignal.timeout(ANSWER_MS);
  try {
    return await new Promise<string>((resolve, reject) => {
      const options = {
        ...(ca === undefined ? {} : { ca }),
        signal,
        agent: false,
        headers: { accept: 'application/json' },
      };
      const sent = get(url, options, (response) => {
        if (response.statusCode !== 200) {
          response.destroy();
          reject(new Error(`it answered ${String(response.statusCode)}`));
          return;
        }
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > ANSWER_BYTES) response.destroy(new Error(`its answer is larger than ${ANSWER_BYTES} bytes`));
          else chunks.push(chunk);
        });
        response.on('end', () => resolve(Buffer.concat(chunks).toString()));
        response.on('error', reject);
      });
      sent.on('error', reject);
    });
  } catch (error) {
    const problem = signal.aborted ? `no answer in ${ANSWER_MS / 1000} s` : messageOf(error);
    throw new Error(`${url} cannot be read: ${problem}`, { cause: error });
  }
}
