import { ReconcileError, TerminalError, TransientError } from '../lib/errors.ts';
import type { RunAs } from './launch.ts';
import type { ExecResult, Privilege, Script } from './session.ts';

/** What the login itself says, without root. */
export interface LoginProbe {
  isRoot: boolean;
  hasSudo: boolean;
  hasDoas: boolean;
  /** `timeout -k` works: scripts get a watchdog on the host. */
  hasTimeout: boolean;
  /** Our address as sshd sees it. */
  clientAddress: string | undefined;
}

/** How root is had, or why not. */
export interface PrivilegeFinding {
  privilege: Privilege;
  failure: ReconcileError | undefined;
  /** Not looked at again in this session: a password was refused, another try may lock the account. */
  final: boolean;
}

/** How a try to run a script as root ended. */
export type RootTry = { result: ExecResult; prompted: boolean } | { failure: ReconcileError; prompted: boolean };

/** Asks everything in one round trip. */
export const probeScript: Script = {
  name: 'ssh/probe',
  text: `
has() { if command -v "$1" >/dev/null 2>&1; then echo yes; else echo no; fi; }
printf '%s\\n' "$(id -u)" "$(has sudo)" "$(has doas)"
if timeout -k 1 5 true >/dev/null 2>&1; then echo yes; else echo no; fi
printf '%s\\n' "\${SSH_CONNECTION:-}"`,
};

/** Proves root. */
export const rootScript: Script = { name: 'ssh/root', text: 'id -u' };

/** @throws TransientError ProtocolError  when the host's answer makes no sense. */
export function parseProbe(result: ExecResult): LoginProbe {
  const [uid = '', sudo, doas, timeout, connection = ''] = result.stdout.split('\n');
  if (result.exitCode !== 0 || !/^\d+$/.test(uid)) {
    throw new TransientError('ProtocolError', 'The host does not say which user logged in.', {
      remedy: 'Check that /bin/sh and id work for the user.',
    });
  }
  const clientAddress = connection.split(' ')[0];
  return {
    isRoot: uid === '0',
    hasSudo: sudo === 'yes',
    hasDoas: doas === 'yes',
    hasTimeout: timeout === 'yes',
    clientAddress: clientAddress === '' ? undefined : clientAddress,
  };
}

/**
 * Finds the way to root: root itself, else by `mode`. Auto takes sudo where it works, else doas.
 * @param attempt  Runs {@link rootScript} that way. What it throws (a lost link) is thrown on.
 */
export async function detectPrivilege(
  mode: 'Auto' | 'None' | 'Sudo' | 'Doas',
  user: string,
  probe: LoginProbe,
  attempt: (as: Exclude<RunAs, 'user'>) => Promise<RootTry>,
): Promise<PrivilegeFinding> {
  if (probe.isRoot) return found({ kind: 'root' });
  if (mode === 'None') return none(manual(user));
  let finding: PrivilegeFinding | undefined;
  for (const as of candidates(mode, probe)) {
    const next = judge(as, user, await attempt(as));
    if (next.failure === undefined) return next;
    // the first way that was tried is the one to be mended
    finding ??= next;
  }
  return finding ?? none(missing(mode, user));
}

function candidates(mode: 'Auto' | 'Sudo' | 'Doas', probe: LoginProbe): ('sudo' | 'doas')[] {
  return (['sudo', 'doas'] as const).filter(
    (as) => (as === 'sudo' ? probe.hasSudo : probe.hasDoas) && (mode === 'Auto' || mode.toLowerCase() === as),
  );
}

function judge(as: 'sudo' | 'doas', user: string, outcome: RootTry): PrivilegeFinding {
  if ('failure' in outcome) {
    return { ...none(outcome.failure), final: outcome.prompted && outcome.failure.reason === 'PasswordRequired' };
  }
  if (outcome.result.stdout.trim() !== '0') {
    const message = `${as} lets ${user} run /bin/sh, but not as root.`;
    return none(new TerminalError('NotInSudoers', message, { remedy: `Allow ${user} to run everything as root.` }));
  }
  return found(as === 'sudo' ? { kind: 'sudo', withPassword: outcome.prompted } : { kind: 'doas' });
}

function found(privilege: Privilege): PrivilegeFinding {
  return { privilege, failure: undefined, final: true };
}

function none(failure: ReconcileError): PrivilegeFinding {
  return { privilege: { kind: 'none' }, failure, final: false };
}

function manual(user: string): TerminalError {
  const message = `spec.ssh.privilege.mode is None and ${user} is not root, so nothing that needs root can be done.`;
  return new TerminalError('ManualRootStepsRequired', message, {
    remedy: 'Do these steps by hand as root, or set the mode to Auto.',
  });
}

function missing(mode: 'Auto' | 'Sudo' | 'Doas', user: string): TerminalError {
  const tools = mode === 'Auto' ? 'neither sudo nor doas is' : `${mode.toLowerCase()} is not`;
  return new TerminalError('SudoMissing', `${user} is not root, and ${tools} installed.`, {
    remedy: 'Install sudo and allow the user in sudoers, or log in as root.',
  });
}
