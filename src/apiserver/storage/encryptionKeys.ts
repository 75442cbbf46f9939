import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../../lib/atomicFile.ts';
import { redactor } from '../../lib/redaction.ts';

/** One AES-256 key and the name that marks what it encrypted. */
export interface EncryptionKey {
  /** DNS label. */
  name: string;
  /** 32 bytes. */
  key: Buffer;
}

/** Overrides the key file; keys separated by commas or line ends. */
const VARIABLE = 'HOSTLER_ENCRYPTION_KEY';
const KEY_BYTES = 32;
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * The keys in `file`, or those in the environment variable HOSTLER_ENCRYPTION_KEY where that is set. A missing file
 * is made (0600) with a fresh key.
 *
 * One key per line: base64 of 32 random bytes, with `name:` before it if it shall have a name of its own (default: a
 * fingerprint of the key). The first one encrypts, all of them decrypt. To rotate: put a new key on the first line (with
 * several servers on the second line of each before), restart, and drop the old one once the values were rewritten
 * ({@link EncryptedStorage.rewriteAll}).
 * @throws Error that names the source, the line and the remedy, never the key.
 */
export async function loadEncryptionKeys(file: string, env: NodeJS.ProcessEnv = process.env): Promise<EncryptionKey[]> {
  const fromEnvironment = env[VARIABLE]?.trim() ?? '';
  if (fromEnvironment !== '') return parseKeys(fromEnvironment, `the environment variable ${VARIABLE}`);
  const stored = await readIfThere(file);
  if (stored !== undefined) return parseKeys(stored, file);
  const fresh = `${randomBytes(KEY_BYTES).toString('base64')}\n`;
  await writeFileAtomic(file, fresh);
  return parseKeys(fresh, file);
}

function parseKeys(text: string, source: string): EncryptionKey[] {
  const lines = text.split(/[\n,]/).map((line) => line.trim());
  const keys = lines.flatMap((line, index) =>
    line === '' || line.startsWith('#') ? [] : [parseKey(line, `line ${index + 1} of ${source}`)],
  );
  if (keys.length === 0) throw new Error(`${source} holds no encryption key: restore it from a backup.`);
  const names = new Set(keys.map((key) => key.name));
  if (names.size < keys.length) throw new Error(`${source} holds two encryption keys of the same name: rename one.`);
  return keys;
}

function parseKey(line: string, where: string): EncryptionKey {
  const colon = line.indexOf(':');
  const encoded = line.slice(colon + 1).trim();
  const key = Buffer.from(encoded, 'base64');
  // Buffer.from skips what is not base64: only a round trip shows that nothing was lost
  const isExact = key.toString('base64') === encoded || key.toString('base64url') === encoded;
  if (key.length !== KEY_BYTES || !isExact) {
    throw new Error(
      `${where} is no encryption key: expected the base64 form of ${KEY_BYTES} bytes, as \`openssl rand -base64 32\` prints.`,
    );
  }
  redactor.register(encoded);
  const name = colon < 0 ? fingerprint(key) : line.slice(0, colon).trim();
  if (!NAME.test(name)) throw new Error(`${where}: the key's name must be a DNS label (a-z, 0-9, -).`);
  return { name, key };
}

/** A name that says which key it is, and nothing about the key. */
function fingerprint(key: Buffer): string {
  return `key-${createHash('sha256').update('hostler encryption key name\n').update(key).digest('hex').slice(0, 10)}`;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
