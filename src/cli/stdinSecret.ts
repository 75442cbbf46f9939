import { redactor } from '../lib/redaction.ts';
import { CliError, exitCode } from './exitCodes.ts';

/**
 * Reads a secret from standard input, without the line end behind it. It is known to the redactor from then on.
 * @param what  `password` or `passphrase`, for the message.
 * @throws CliError usage  when there is none, or standard input is a terminal, which would show it.
 */
export async function readStdinSecret(what: 'password' | 'passphrase'): Promise<string> {
  const option = `--${what}-stdin`;
  if (process.stdin.isTTY)
    throw new CliError(exitCode.usage, `${option}: standard input is a terminal; write: hostler … ${option} < file`);
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  const text = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (text === '') throw new CliError(exitCode.usage, `${option}: standard input is empty.`);
  redactor.register(text);
  return text;
}
