import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { messageOf } from '../lib/errors.ts';
import { CliError, exitCode } from './exitCodes.ts';

/** The file that `flag` names. @throws CliError usage  that names flag, file and problem. */
export function readFlagFile(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw usage(`${flag} ${path}: ${messageOf(error)}.`);
  }
}

/** The PEM certificate in a file, or the first of several. @throws CliError usage  that names flag, file and problem. */
export function readCertificate(flag: string, path: string): { pem: Buffer; parsed: X509Certificate } {
  const pem = readFlagFile(flag, path);
  try {
    return { pem, parsed: new X509Certificate(pem) };
  } catch {
    // OpenSSL's own words name routines, not what is wrong
    throw usage(`${flag} ${path}: not a PEM certificate (-----BEGIN CERTIFICATE-----).`);
  }
}

/** Flags that cannot be meant so. */
export function usage(message: string): CliError {
  return new CliError(exitCode.usage, message);
}
