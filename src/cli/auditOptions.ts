import { type Command, InvalidArgumentError } from 'commander';
import { readFlagFile, usage } from './flagFiles.ts';

/** The flags of the audit log, named as those of kube-apiserver; all absent = no log. */
export interface AuditFlags {
  auditPolicyFile?: string;
  auditLogPath?: string;
  auditLogMaxsize?: number;
  auditLogMaxbackup?: number;
  auditLogMaxage?: number;
}

/** {@link AuditFlags}, read and with their defaults. */
export interface AuditTarget {
  policy: { path: string; text: string };
  /** A file; undefined = standard output. */
  path: string | undefined;
  /** Megabytes, files and days; 0 = 100 MB, all, forever. */
  rotation: { maxSize: number; maxBackups: number; maxAge: number };
}

/** Adds the `--audit-…` flags. */
export function withAuditOptions(command: Command): Command {
  return command
    .option(
      '--audit-policy-file <file>',
      'audit.k8s.io/v1 Policy: which requests are written to the audit log, how much',
    )
    .option('--audit-log-path <file>', 'the audit log, one JSON event per line; "-" = standard output')
    .option('--audit-log-maxsize <megabytes>', 'a larger file is set aside as NAME-TIME.EXT (default: 100)', count)
    .option('--audit-log-maxbackup <files>', 'files set aside that are kept (default: all)', count)
    .option('--audit-log-maxage <days>', 'files set aside are removed after this time (default: never)', count);
}

/**
 * What `flags` ask for; undefined when nothing.
 * @throws CliError usage  that names the flag, what is wrong and what to do.
 */
export function auditTarget(flags: AuditFlags): AuditTarget | undefined {
  const { auditPolicyFile: path, auditLogPath } = flags;
  if (path === undefined || auditLogPath === undefined) {
    const given = Object.keys(flags).some((name) => name.startsWith('audit'));
    if (given)
      throw usage('--audit-policy-file and --audit-log-path belong together, and to every other --audit flag.');
    return undefined;
  }
  return {
    policy: { path, text: readFlagFile('--audit-policy-file', path).toString() },
    path: auditLogPath === '-' ? undefined : auditLogPath,
    rotation: {
      maxSize: flags.auditLogMaxsize ?? 0,
      maxBackups: flags.auditLogMaxbackup ?? 0,
      maxAge: flags.auditLogMaxage ?? 0,
    },
  };
}

function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 0 or more.');
  return Number(text);
}
