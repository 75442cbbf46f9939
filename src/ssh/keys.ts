import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import ssh2, { type ParsedKey } from 'ssh2';
import type { HostKey } from '../api/knownHost.ts';
import { messageOf, TerminalError } from '../lib/errors.ts';
import { openSshEd25519 } from './opensshKey.ts';

/** RSA keys below are refused. */
const MIN_RSA_BITS = 3072;
const STRONGER = 'Use an Ed25519 key (ssh-keygen -t ed25519) or RSA of at least 3072 bits.';
const LEGIBLE =
  'Put the whole private key, from its BEGIN to its END line, in PEM or OpenSSH format into the key ssh-privatekey of the Secret.';

/**
 * Reads a private key (OpenSSH, PKCS#1, SEC1, PKCS#8 or PuTTY format) and checks its strength. Never puts key material
 * into messages.
 * @throws TerminalError KeyUnreadable | PassphraseRequired | KeyTooWeak
 */
export function parsePrivateKey(text: string, passphrase?: string): ParsedKey {
  const pem = `${text.replaceAll('\r\n', '\n').trim()}\n`;
  if (!pem.startsWith('-----BEGIN ') && !pem.startsWith('PuTTY-User-Key-File-')) throw unreadable(notPrivate(pem));
  const readable = /^-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/.test(pem) ? fromPkcs8(pem, passphrase) : pem;
  return checkStrength(parse(readable, passphrase));
}

/**
 * The public half of a private key, as it stands in authorized_keys.
 * @throws as parsePrivateKey
 */
export function publicKeyOf(privateKey: string, passphrase?: string): HostKey {
  const key = parsePrivateKey(privateKey, passphrase);
  return { type: key.type, publicKey: key.getPublicSSH().toString('base64') };
}

/** A new Ed25519 key pair: OpenSSH private key, and the line for authorized_keys. */
export function generateKeyPair(comment: string): { privateKey: string; publicKey: string } {
  // not ssh2's own generator (1.17): about one in 400 of its keys cannot be read again
  const { privateKey } = generateKeyPairSync('ed25519');
  const key = parse(openSshEd25519(privateKey), undefined);
  return {
    privateKey: openSshEd25519(privateKey),
    publicKey: `${key.type} ${key.getPublicSSH().toString('base64')} ${comment}`.trim(),
  };
}

function parse(pem: string, passphrase: string | undefined): ParsedKey {
  const encrypted = isEncrypted(pem);
  if (encrypted && !passphrase) throw passphraseRequired('is encrypted and the Secret has no key passphrase');
  // ssh2 refuses a passphrase where none is needed in some formats
  const parsed = encrypted ? ssh2.utils.parseKey(pem, passphrase) : ssh2.utils.parseKey(pem);
  const key: unknown = Array.isArray(parsed) ? parsed[0] : parsed;
  if (isParsedKey(key)) {
    if (key.isPrivateKey()) return key;
    throw unreadable('It is a public key.');
  }
  // an encrypted key that parses but fails its integrity check was opened with the wrong passphrase
  if (encrypted) throw passphraseRequired('cannot be opened with the passphrase of the Secret');
  throw unreadable(`${messageOf(key)}.`);
}

function isParsedKey(value: unknown): value is ParsedKey {
  return typeof value === 'object' && value !== null && 'isPrivateKey' in value;
}

/** By the format itself, not by error messages. */
function isEncrypted(pem: string): boolean {
  if (pem.startsWith('PuTTY-')) return !/^Encryption: none$/m.test(pem);
  if (/^Proc-Type: 4,ENCRYPTED$/m.test(pem)) return true;
  if (!pem.startsWith('-----BEGIN OPENSSH PRIVATE KEY-----')) return false;
  const blob = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
  // "openssh-key-v1\0", then the cipher's name as a string
  const start = 15;
  if (blob.length < start + 4 || blob.toString('latin1', 0, start) !== 'openssh-key-v1\0') return false;
  return blob.subarray(start + 4, start + 4 + blob.readUInt32BE(start)).toString('latin1') !== 'none';
}

/** ssh2 does not read PKCS#8; Node does. */
function fromPkcs8(pem: string, passphrase: string | undefined): string {
  const encrypted = pem.startsWith('-----BEGIN ENCRYPTED');
  if (encrypted && !passphrase) throw passphraseRequired('is encrypted and the Secret has no key passphrase');
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem', ...(encrypted ? { passphrase } : {}) });
  } catch (cause) {
    if (encrypted) throw passphraseRequired('cannot be opened with the passphrase of the Secret', cause);
    throw unreadable('It is no valid PKCS#8.', cause);
  }
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return key.export({ type: 'pkcs1', format: 'pem' }).toString();
    case 'ec':
      return key.export({ type: 'sec1', format: 'pem' }).toString();
    case 'ed25519':
      return openSshEd25519(key);
    case 'dsa':
      throw tooWeak('is a DSA key');
    default:
      throw unreadable(`SSH knows no key of type ${key.asymmetricKeyType ?? 'unknown'}.`);
  }
}

function checkStrength(key: ParsedKey): ParsedKey {
  if (key.type === 'ssh-dss') throw tooWeak('is a DSA key');
  if (key.type !== 'ssh-rsa') return key;
  const bits = createPublicKey(key.getPublicPEM()).asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < MIN_RSA_BITS) throw tooWeak(`is an RSA key of ${bits} bits`);
  return key;
}

function notPrivate(text: string): string {
  if (/^(ssh|ecdsa|sk)-/.test(text)) return 'It is a public key.';
  return text.trim() === '' ? 'It is empty.' : 'It does not begin with -----BEGIN.';
}

function unreadable(why: string, cause?: unknown): TerminalError {
  return new TerminalError('KeyUnreadable', `The private key cannot be read. ${why}`, { remedy: LEGIBLE, cause });
}

function passphraseRequired(why: string, cause?: unknown): TerminalError {
  return new TerminalError('PassphraseRequired', `The private key ${why}.`, {
    remedy: 'Put the right passphrase into the key passphrase of the same Secret.',
    cause,
  });
}

function tooWeak(why: string): TerminalError {
  return new TerminalError('KeyTooWeak', `The private key ${why}.`, { remedy: STRONGER });
}
