import { readFileSync } from 'node:fs';
import { messageOf, ReconcileError } from '../lib/errors.ts';
import { CliError, exitCode } from './exitCodes.ts';

/**
 * Reads a private key from a file and proves that Hostler can use it, before anything is created that could not log in.
 * @throws CliError usage  naming the file, what is wrong with the key, and what to do.
 */
export async function readPrivateKeyFile(path: string, passphrase?: string): Promise<string> {
  const text = readText(path);
  // ssh2 is loaded only by the commands that need it: the others start faster
  const { parsePrivateKey } = await import('../ssh/keys.ts');
  try {
    parsePrivateKey(text, passphrase);
  } catch (error) {
    if (!(error instanceof ReconcileError)) throw error;
    throw new CliError(exitCode.usage, `--key-file ${path}: ${explain(error, passphrase)}`);
  }
  return text;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliError(exitCode.usage, `--key-file ${path}: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'there is no such file.';
  if (code === 'EACCES') return 'this user may not read the file.';
  if (code === 'EISDIR') return 'this is a directory; name the file of the private key.';
  return messageOf(error);
}

/** The condition's texts speak of the Secret, which does not exist yet. */
function explain(error: ReconcileError, passphrase: string | undefined): string {
  switch (error.reason) {
    case 'PassphraseRequired':
      return passphrase === undefined
        ? 'the private key is encrypted; give its passphrase on standard input with --passphrase-stdin, or name a key without one.'
        : 'the private key does not open with the passphrase from standard input.';
    case 'KeyUnreadable':
      return `${error.message} Name the file of the private key, in OpenSSH or PEM format; the .pub file is the other half.`;
    default:
      return error.advice;
  }
}
