import type { Duplex } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import { TransientError } from '../lib/errors.ts';
import { abortReason } from './abortable.ts';
import { hostPort, unreachable } from './dial.ts';

/** Where a tunnel leads. */
export interface TunnelTarget {
  address: string;
  port: number;
  /** The jump host, for messages. */
  via: string;
}

/** A TCP stream that the far end of `client` opens for us. @throws TransientError  with the far end's reason. */
export function openTunnel(client: Client, target: TunnelTarget, signal: AbortSignal | undefined): Promise<Duplex> {
  const where = `${hostPort(target.address, target.port)} behind ${target.via}`;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortReason(signal));
    if (signal?.aborted) {
      onAbort();
      return;
    }
    signal?.addEventListener('abort', onAbort, { once: true });
    const settle = (error: Error | undefined, stream: ClientChannel | undefined): void => {
      signal?.removeEventListener('abort', onAbort);
      if (stream === undefined) reject(tunnelFailure(error, where));
      else if (signal?.aborted) stream.close();
      else resolve(stream);
    };
    try {
      client.forwardOut('127.0.0.1', 0, target.address, target.port, settle);
    } catch (error) {
      // ssh2 throws synchronously when the link is already gone
      settle(error instanceof Error ? error : undefined, undefined);
    }
  });
}

/** RFC 4254 5.1: 1 = administratively prohibited, 2 = connect failed; the text is the far end's strerror in C. */
function tunnelFailure(cause: Error | undefined, where: string): TransientError {
  const code = cause !== undefined && 'reason' in cause ? cause.reason : undefined;
  const text = cause?.message ?? '';
  if (code === undefined) {
    return new TransientError('ConnectionLost', `The link to the jump host broke on the way to ${where}.`, { cause });
  }
  if (code === 1) {
    return new TransientError('NoRoute', `The jump host does not forward to ${where}.`, {
      cause,
      remedy: 'Set AllowTcpForwarding yes (or local) in its sshd_config, and check PermitOpen.',
    });
  }
  if (/timed out/i.test(text)) return unreachable('ConnectionTimedOut', where, cause);
  if (/route|unreachable/i.test(text)) return unreachable('NoRoute', where, cause);
  return unreachable('ConnectionRefused', where, cause);
}
