import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { bitString, context, der, objectIdentifier, readAll, sequence, TAG, time, utf8String } from './der.ts';

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  cert: string;
  key: string;
}

/** When a certificate counts. */
export interface Validity {
  notBefore: Date;
  notAfter: Date;
}

/** Name and purpose of a certificate. */
export interface Subject {
  /** CN */
  commonName: string;
  /** O, each its own */
  organizations: readonly string[];
  /** Server: DNS names and IP addresses it answers to. Absent: a client certificate. */
  hosts?: readonly string[];
}

const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
} as const;

const SIGNATURE_ALGORITHM = sequence(objectIdentifier(OID.ecdsaWithSha256));
const TRUE = der(TAG.boolean, Buffer.from([0xff]));
/** RFC 5280, section 4.2.1.3: bits from the left. */
const USAGE = { digitalSignature: bitString(Buffer.from([0x80]), 7), authority: bitString(Buffer.from([0x86]), 1) };

/** Makes a self-signed CA (EC P-256) that signs certificates of servers and clients, not further CAs. */
export function makeAuthority(commonName: string, validity: Validity): KeyPair {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = distinguishedName([], commonName);
  const extensions = [
    critical(OID.basicConstraints, sequence(TRUE, der(TAG.integer, Buffer.from([0])))),
    critical(OID.keyUsage, USAGE.authority),
    extension(OID.subjectKeyIdentifier, der(TAG.octetString, keyIdentifier(keys.publicKey))),
  ];
  const certificate = { issuer: name, subject: name, validity, publicKey: keys.publicKey, extensions };
  return toPair(signed(certificate, keys.privateKey), keys.privateKey);
}

/** Makes a certificate for `subject` with a key of its own, signed by `authority`. */
export function issue(authority: KeyPair, subject: Subject, validity: Validity): KeyPair {
  const issuer = issuerOf(new X509Certificate(authority.cert));
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const extensions = [
    critical(OID.basicConstraints, sequence()),
    critical(OID.keyUsage, USAGE.digitalSignature),
    ...purpose(subject),
    extension(OID.subjectKeyIdentifier, der(TAG.octetString, keyIdentifier(keys.publicKey))),
    extension(OID.authorityKeyIdentifier, sequence(der(context(0, 'primitive'), issuer.keyIdentifier))),
  ];
  const certificate = {
    issuer: issuer.name,
    subject: distinguishedName(subject.organizations, subject.commonName),
    validity,
    publicKey: keys.publicKey,
    extensions,
  };
  return toPair(signed(certificate, createPrivateKey(authority.key)), keys.privateKey);
}

function purpose(subject: Subject): Buffer[] {
  if (subject.hosts === undefined) return [extension(OID.extKeyUsage, sequence(objectIdentifier(OID.clientAuth)))];
  return [
    extension(OID.extKeyUsage, sequence(objectIdentifier(OID.serverAuth))),
    extension(OID.subjectAltName, sequence(...subject.hosts.map(alternativeName))),
  ];
}

/** dNSName `[2]` or iPAddress `[7]`. */
function alternativeName(host: string): Buffer {
  return isIP(host) === 0
    ? der(context(2, 'primitive'), Buffer.from(host, 'latin1'))
    : der(context(7, 'primitive'), addressBytes(host));
}

/** 4 or 16 bytes. */
function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  // WHATWG's notation: groups in hex, at most one `::`, no embedded IPv4
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (part = ''): number[] => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  const zeros = Array<number>(8 - groups(head).length - groups(tail).length).fill(0);
  return Buffer.from([...groups(head), ...zeros, ...groups(tail)].flatMap((group) => [group >> 8, group & 0xff]));
}

/** Each attribute a set of its own: `O=one, O=two, CN=name`. */
function distinguishedName(organizations: readonly string[], commonName: string): Buffer {
  const part = (type: string, value: string): Buffer =>
    der(TAG.set, sequence(objectIdentifier(type), utf8String(value)));
  return sequence(...organizations.map((name) => part(OID.organization, name)), part(OID.commonName, commonName));
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(objectIdentifier(id), der(TAG.octetString, value));
}

function critical(id: string, value: Buffer): Buffer {
  return sequence(objectIdentifier(id), TRUE, der(TAG.octetString, value));
}

interface Unsigned {
  /** DER */
  issuer: Buffer;
  /** DER */
  subject: Buffer;
  validity: Validity;
  publicKey: KeyObject;
  extensions: readonly Buffer[];
}

/** The certificate in DER. Source: RFC 5280 section 4.1. */
function signed({ issuer, subject, validity, publicKey, extensions }: Unsigned, key: KeyObject): Buffer {
  const body = sequence(
    der(context(0, 'constructed'), der(TAG.integer, Buffer.from([2]))), // version 3
    der(TAG.integer, serial()),
    SIGNATURE_ALGORITHM,
    issuer,
    sequence(time(validity.notBefore), time(validity.notAfter)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(context(3, 'constructed'), sequence(...extensions)),
  );
  return sequence(body, SIGNATURE_ALGORITHM, bitString(sign('sha256', body, { key, dsaEncoding: 'der' })));
}

/** 127 random bits: positive and never zero-led, as RFC 5280 wants. */
function serial(): Buffer {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes;
}

/** SHA-1 of the bits of the key, as RFC 5280 section 4.2.1.2 proposes; an identifier, not a protection. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const [, bits] = readAll(contentOf(publicKey.export({ type: 'spki', format: 'der' })));
  if (bits === undefined) throw new Error('a public key without its bits');
  return createHash('sha1').update(bits.content.subarray(1)).digest();
}

/**
 * Name and key identifier of a CA, byte for byte as they stand in its certificate: Go compares the bytes, and OpenSSL
 * refuses an authority key identifier that is another.
 */
function issuerOf(certificate: X509Certificate): { name: Buffer; keyIdentifier: Buffer } {
  const [body] = readAll(contentOf(certificate.raw));
  // version, serial number, algorithm, issuer, validity, subject, key, extensions
  const fields = body === undefined ? [] : readAll(body.content);
  const [subject, extensions] = [fields[5], fields.find(({ tag }) => tag === context(3, 'constructed'))];
  if (subject === undefined) throw new Error('the certificate of the CA has no subject');
  const identifier = objectIdentifier(OID.subjectKeyIdentifier);
  for (const { content } of extensions === undefined ? [] : readAll(contentOf(extensions.content))) {
    const parts = readAll(content);
    const value = parts.at(-1);
    if (parts[0]?.whole.equals(identifier) === true && value !== undefined)
      return { name: subject.whole, keyIdentifier: contentOf(value.content) };
  }
  return { name: subject.whole, keyIdentifier: keyIdentifier(certificate.publicKey) };
}

/** What is inside the one value that `bytes` are. */
function contentOf(bytes: Buffer): Buffer {
  const [value] = readAll(bytes);
  if (value === undefined) throw new Error('a DER value is missing');
  return value.content;
}

function toPair(certificate: Buffer, privateKey: KeyObject): KeyPair {
  return {
    cert: new X509Certificate(certificate).toString(),
    // of the ways to write an EC key the one that all clients tell from RSA: some of Java take any other for RSA
    key: privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
  };
}
