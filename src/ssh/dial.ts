import { lookup } from 'node:dns/promises';
import { createConnection, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Reason } from '../api/reasons.ts';
import { ReconcileError, TerminalError, TransientError } from '../lib/errors.ts';
import { abortable, abortReason } from './abortable.ts';
import type { HostAddress } from './addresses.ts';
import { isInRanges, parseRanges } from './deniedRanges.ts';
import type { PooledSession } from './session.ts';

/** Of the addresses that a name has, this many are tried. */
const MAX_RESOLVED = 4;
const MIN_TRY_MS = 2_000;

/** See {@link dial}. */
export interface DialOptions {
  port: number;
  deniedCidrs: readonly string[];
  /** For name resolution and all tries together. */
  connectMs: number;
  via: Pick<PooledSession, 'tunnel' | 'run'> | undefined;
  signal: AbortSignal | undefined;
}

/** An open stream to the host. */
export interface Dialled {
  stream: Duplex;
  /** `203.0.113.10:22`, `[2001:db8::1]:22`. */
  peer: string;
}

/**
 * Opens a TCP stream to `address`: resolves it, checks the result against the denied ranges, connects to exactly what
 * was checked. Through a jump host both happen there.
 * @throws TransientError NameResolutionFailed | ConnectionTimedOut | ConnectionRefused | NoRoute
 * @throws TerminalError AddressDenied
 */
export async function dial(address: HostAddress, options: DialOptions): Promise<Dialled> {
  const deadline = Date.now() + options.connectMs;
  const where = hostPort(address.address, options.port);
  const denied = parseRanges(options.deniedCidrs);
  const candidates = await resolve(address.address, where, options);
  let failure: unknown = nameFailure(where, undefined);
  for (const [index, candidate] of candidates.entries()) {
    options.signal?.throwIfAborted();
    if (isInRanges(denied, candidate)) {
      failure = addressDenied(where, candidate);
      continue;
    }
    const share = (deadline - Date.now()) / (candidates.length - index);
    try {
      const timeoutMs = Math.max(Math.min(MIN_TRY_MS, options.connectMs), share);
      const stream = await open(candidate, where, { ...options, connectMs: timeoutMs });
      return { stream, peer: hostPort(candidate, options.port) };
    } catch (error) {
      if (!(error instanceof ReconcileError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** `host:port`, IPv6 in brackets. */
export function hostPort(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

async function resolve(name: string, where: string, options: DialOptions): Promise<string[]> {
  if (isIP(name) !== 0) return [name];
  const found =
    options.via === undefined
      ? await resolveHere(name, where, options)
      : await resolveThere(name, where, options.via, options);
  const unique = [...new Set(found)].slice(0, MAX_RESOLVED);
  if (unique.length === 0) throw nameFailure(where, undefined);
  return unique;
}

async function resolveHere(name: string, where: string, options: DialOptions): Promise<string[]> {
  const timeout = AbortSignal.timeout(options.connectMs);
  try {
    const answer = lookup(name, { all: true, order: 'verbatim' });
    const found = await abortable(
      answer,
      options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]),
    );
    return found.map((entry) => entry.address);
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw nameFailure(where, cause);
  }
}

/** Names mean what they mean on the jump host; asked there, so that the denied ranges hold for the result too. */
async function resolveThere(
  name: string,
  where: string,
  via: Pick<PooledSession, 'run'>,
  options: DialOptions,
): Promise<string[]> {
  const script = { name: 'ssh/resolve', text: 'getent ahosts "$1"', args: [name] };
  const { exitCode, stdout } = await via.run(script, {
    asUser: true,
    timeoutMs: options.connectMs,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (exitCode !== 0) throw nameFailure(`${where} (asked on the jump host)`, undefined);
  return stdout
    .split('\n')
    .map((line) => line.split(/\s/)[0] ?? '')
    .filter((word) => isIP(word) !== 0);
}

async function open(ip: string, where: string, options: DialOptions): Promise<Duplex> {
  return options.via === undefined ? connectTcp(ip, where, options) : connectThrough(options.via, ip, where, options);
}

/** The far sshd itself would wait for minutes. */
async function connectThrough(
  via: Pick<PooledSession, 'tunnel'>,
  ip: string,
  where: string,
  { port, connectMs, signal }: DialOptions,
): Promise<Duplex> {
  const timeout = AbortSignal.timeout(connectMs);
  try {
    return await via.tunnel(ip, port, signal === undefined ? timeout : AbortSignal.any([timeout, signal]));
  } catch (error) {
    signal?.throwIfAborted();
    throw timeout.aborted ? timedOut(`${where} through the jump host`, connectMs) : error;
  }
}

function connectTcp(ip: string, where: string, options: DialOptions): Promise<Socket> {
  return new Promise((resolvePromise, reject) => {
    const socket = createConnection({ host: ip, port: options.port, noDelay: true });
    const settle = (error?: unknown): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      socket.removeListener('error', settle);
      if (error === undefined) {
        resolvePromise(socket);
        return;
      }
      // the socket may still fail while it is torn down
      socket.on('error', () => undefined);
      socket.destroy();
      reject(
        options.signal?.aborted
          ? abortReason(options.signal)
          : error instanceof ReconcileError
            ? error
            : tcpFailure(where, error),
      );
    };
    const onAbort = (): void => settle(options.signal?.reason);
    const timer = setTimeout(() => settle(timedOut(where, options.connectMs)), options.connectMs);
    options.signal?.addEventListener('abort', onAbort);
    socket.once('error', settle);
    socket.once('connect', () => settle());
  });
}

const byCode: Partial<Record<string, Reason>> = {
  ECONNREFUSED: 'ConnectionRefused',
  ECONNRESET: 'ConnectionRefused',
  ETIMEDOUT: 'ConnectionTimedOut',
  EHOSTUNREACH: 'NoRoute',
  ENETUNREACH: 'NoRoute',
  EADDRNOTAVAIL: 'NoRoute',
  EACCES: 'NoRoute',
  EPERM: 'NoRoute',
};

function tcpFailure(where: string, cause: unknown): ReconcileError {
  const code = codeOf(cause);
  return unreachable(byCode[code] ?? 'NoRoute', where, cause, code);
}

/**
 * The error for a host that could not be reached.
 * @param detail  A code or text for the message when the reason alone does not say it.
 */
export function unreachable(reason: Reason, where: string, cause?: unknown, detail = ''): TransientError {
  const suffix = detail === '' ? '' : ` (${detail})`;
  switch (reason) {
    case 'ConnectionRefused':
      return new TransientError(reason, `${where} refuses the connection${suffix}.`, {
        cause,
        remedy: 'Check that sshd runs on the host and that spec.ssh.port is its port.',
      });
    case 'ConnectionTimedOut':
      return new TransientError(reason, `${where} does not answer${suffix}.`, {
        cause,
        remedy: 'Check the address, that the host is up, and that firewalls on the way let the port through.',
      });
    case 'NameResolutionFailed':
      return new TransientError(reason, `${where} has no address${suffix}.`, {
        cause,
        remedy: 'Check the name and the DNS that Hostler uses, or add an IPv4 or IPv6 address to spec.addresses.',
      });
    default:
      return new TransientError(reason, `There is no route to ${where}${suffix}.`, {
        cause,
        remedy: 'Check the address, and the routes and firewalls between Hostler and the host.',
      });
  }
}

function timedOut(where: string, afterMs: number): TransientError {
  return unreachable('ConnectionTimedOut', where, undefined, `waited ${Math.round(afterMs / 1000)} s`);
}

function nameFailure(where: string, cause: unknown): TransientError {
  return unreachable('NameResolutionFailed', where, cause, codeOf(cause));
}

function addressDenied(where: string, ip: string): TerminalError {
  return new TerminalError('AddressDenied', `${where} is ${ip}, which --denied-cidrs forbids.`, {
    remedy: 'Use another address, or have the operator of Hostler allow the range.',
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
