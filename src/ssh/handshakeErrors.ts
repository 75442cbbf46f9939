import { TerminalError, TransientError, type ReconcileError } from '../lib/errors.ts';
import { unreachable } from './dial.ts';

/** How far a handshake got. trust: the host's key is proven, ours is not out yet. */
export type Phase = 'greeting' | 'keyExchange' | 'trust' | 'login' | 'ready';

/** What is known about a failed handshake. */
export interface HandshakeContext {
  phase: Phase;
  where: string;
  /** The first bytes that the peer sent. */
  greeting: string;
  trustedTypes: readonly string[];
  rejected: () => ReconcileError;
}

/** Text of ssh2 1.17 (lib/protocol/kex.js), pinned by a test; it gives no code. */
const NO_HOST_KEY_ALGORITHM = 'Handshake failed: no matching host key format';
/** RFC 4253 11.1: what OpenSSH ends a connection with after too many refused logins. */
const REJECTING_DISCONNECTS: readonly unknown[] = [2, 14];
const SHOWN = 80;

/** The error of a handshake that ended early. @param error  `undefined`: the peer closed the connection. */
export function classify(error: Error | 'timeout' | undefined, context: HandshakeContext): ReconcileError {
  if (error === 'timeout') return slow(context);
  if (error?.message === NO_HOST_KEY_ALGORITHM) return noHostKeyAlgorithm(error, context);
  const level = error !== undefined && 'level' in error ? error.level : undefined;
  if (level === 'handshake') return protocolError(context, error);
  return byPhase(error, context, level === undefined);
}

function byPhase(error: Error | undefined, context: HandshakeContext, isUnparsable: boolean): ReconcileError {
  switch (context.phase) {
    case 'greeting':
      return greetingFailed(context, error);
    case 'keyExchange':
      // ssh2 gives no level to what it could not parse
      return error !== undefined && isUnparsable ? protocolError(context, error) : throttled(context, error);
    case 'login':
      return isRejection(error) ? context.rejected() : lost(context, error);
    case 'trust':
    case 'ready':
      return lost(context, error);
  }
}

function isRejection(error: Error | undefined): boolean {
  return error !== undefined && 'code' in error && REJECTING_DISCONNECTS.includes(error.code);
}

/** sshd from 9.8 says a line before it closes; older ones just close. Something else speaks another protocol. */
function greetingFailed(context: HandshakeContext, error: Error | undefined): ReconcileError {
  const line = context.greeting.split(/\r?\n/)[0] ?? '';
  // half a line is no answer
  if (!context.greeting.includes('\n') || /^(Exceeded MaxStartups|Not allowed at this time)/.test(line))
    return throttled(context, error);
  return protocolError(context, error, line);
}

function throttled({ where }: HandshakeContext, cause: Error | undefined): TransientError {
  return new TransientError('ConnectionThrottled', `${where} closed the connection before the key exchange ended.`, {
    cause,
    remedy:
      'Too many logins start at once (MaxStartups), or the host blocks us (PerSourcePenalties, fail2ban, hosts.deny).',
  });
}

function protocolError({ where }: HandshakeContext, cause: Error | undefined, line?: string): TransientError {
  const shown = line?.replace(/\p{C}/gu, '').slice(0, SHOWN);
  const what = shown === undefined ? (cause?.message ?? 'it does not speak SSH') : `it answers with "${shown}"`;
  return new TransientError(
    'ProtocolError',
    `${where} is no SSH server that Hostler can talk to: ${what.replace(/\.$/, '')}.`,
    {
      cause,
      remedy: 'Check spec.ssh.port, and that sshd there allows current algorithms (OpenSSH 7.4 or newer does).',
    },
  );
}

function noHostKeyAlgorithm(cause: Error, { where, trustedTypes }: HandshakeContext): ReconcileError {
  if (trustedTypes.length === 0) {
    return new TransientError('ProtocolError', `${where} has no host key of a type that is safe.`, {
      cause,
      remedy: 'Create an Ed25519 host key there: ssh-keygen -A, then restart sshd.',
    });
  }
  return new TerminalError(
    'KeyTypeUnavailable',
    `${where} offers no host key of a trusted type (${trustedTypes.join(', ')}). No credential was sent.`,
    {
      cause,
      remedy: 'Bring that key back on the host, or approve a new one with a ServerOperation of type ApproveHostKey.',
    },
  );
}

function slow(context: HandshakeContext): TransientError {
  const { where, phase } = context;
  if (phase === 'greeting')
    return unreachable('ConnectionTimedOut', where, undefined, 'the port is open, but sshd says nothing');
  const stage = phase === 'login' ? 'the login' : 'the key exchange';
  return unreachable('ConnectionTimedOut', where, undefined, `${stage} does not end`);
}

function lost({ where, phase }: HandshakeContext, cause: Error | undefined): TransientError {
  const when = phase === 'login' ? 'during the login' : 'before the login';
  return new TransientError('ConnectionLost', `${where} closed the connection ${when}.`, {
    cause,
    remedy: 'It is tried again; look into the log of sshd on the host if it stays so.',
  });
}
