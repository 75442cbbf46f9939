import { isIP } from 'node:net';
import type { ServerSpec } from '../api/serverSpec.ts';
import { CliError, exitCode } from './exitCodes.ts';

/** Where a server is and who logs in, as people write it: `[user@]address[:port]`. */
export interface HostArgument {
  user: string;
  address: string;
  addressType: ServerSpec['addresses'][number]['type'];
  port: number;
}

const DEFAULT_USER = 'root';
const DEFAULT_PORT = 22;
/** As `spec.ssh.user` and the CEL rule of `spec.addresses` have it; said here in a person's words. */
const USER = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,62}[$]?$/;
const DNS_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,251}[A-Za-z0-9])?\.?$/;

/**
 * Reads `[user@]address[:port]`; an IPv6 address with a port stands in brackets.
 * @throws CliError usage  naming the part that is wrong.
 */
export function parseHost(host: string): HostArgument {
  const at = host.lastIndexOf('@');
  const user = at < 0 ? DEFAULT_USER : host.slice(0, at);
  if (!USER.test(user)) throw wrong(host, `"${user}" is no user name`);
  const { address, port } = splitPort(host, host.slice(at + 1));
  return { user, address, addressType: typeOf(host, address), port };
}

function splitPort(host: string, rest: string): { address: string; port: number } {
  if (isIP(rest) === 6) return { address: rest, port: DEFAULT_PORT };
  const { v6, name, port } = /^(?:\[(?<v6>[^\]]+)\]|(?<name>[^:[\]]+))(?::(?<port>[^:]*))?$/.exec(rest)?.groups ?? {};
  const address = v6 ?? name;
  if (address === undefined) throw wrong(host, 'an IPv6 address with a port needs brackets: [2001:db8::10]:22');
  if (v6 !== undefined && isIP(v6) !== 6) throw wrong(host, `"${v6}" is no IPv6 address`);
  return { address, port: port === undefined ? DEFAULT_PORT : readPort(host, port) };
}

function readPort(host: string, digits: string): number {
  const port = Number(digits);
  if (/^\d{1,5}$/.test(digits) && port >= 1 && port <= 65535) return port;
  throw wrong(host, `port "${digits}" is not a number from 1 to 65535`);
}

function typeOf(host: string, address: string): HostArgument['addressType'] {
  const ip = isIP(address);
  if (ip !== 0) return ip === 4 ? 'IPv4' : 'IPv6';
  if (/^[\d.]+$/.test(address)) throw wrong(host, `"${address}" is no IPv4 address`);
  if (!DNS_NAME.test(address)) throw wrong(host, `"${address}" is no IP address and no DNS name`);
  return address.includes('.') ? 'FQDN' : 'Hostname';
}

function wrong(host: string, why: string): CliError {
  return new CliError(
    exitCode.usage,
    `--host "${host}": ${why}; write [user@]address[:port], such as root@203.0.113.10:22.`,
  );
}
