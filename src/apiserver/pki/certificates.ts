// must come first: @peculiar/x509 refuses to load without it
import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509Certificate,
  type Extension,
} from '@peculiar/x509';
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';

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

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const { subtle } = webcrypto;

/** Makes a self-signed CA that signs certificates of servers and clients, not further CAs. */
export async function makeAuthority(commonName: string, validity: Validity): Promise<KeyPair> {
  const keys = await subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: serial(),
    name: [{ CN: [commonName] }],
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return toPair(certificate, keys.privateKey);
}

/** Makes a certificate for `subject` with a key of its own, signed by `authority`. */
export async function issue(authority: KeyPair, subject: Subject, validity: Validity): Promise<KeyPair> {
  const issuer = new X509Certificate(authority.cert);
  const keys = await subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create({
    ...validity,
    serialNumber: serial(),
    subject: [...subject.organizations.map((name) => ({ O: [name] })), { CN: [subject.commonName] }],
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      ...purpose(subject),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return toPair(certificate, keys.privateKey);
}

function purpose(subject: Subject): Extension[] {
  if (subject.hosts === undefined) return [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])];
  const names = subject.hosts.map((host) => ({
    type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const),
    value: host,
  }));
  return [new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]), new SubjectAlternativeNameExtension(names)];
}

/** 127 random bits: positive and never zero-led, as RFC 5280 wants. */
function serial(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString('hex');
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}

async function toPair(certificate: X509Certificate, privateKey: webcrypto.CryptoKey): Promise<KeyPair> {
  const der = Buffer.from(await subtle.exportKey('pkcs8', privateKey));
  const key = createPrivateKey({ key: der, type: 'pkcs8', format: 'der' }).export({ type: 'pkcs8', format: 'pem' });
  return { cert: `${certificate.toString('pem').trim()}\n`, key: key.toString() };
}
