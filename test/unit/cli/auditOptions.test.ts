import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { type AuditFlags, type AuditTarget, auditTarget, withAuditOptions } from '../../../src/cli/auditOptions.ts';

/** What the flags mean, as the command line gives them. */
function target(...args: string[]): AuditTarget | undefined {
  const command = withAuditOptions(new Command('serve'))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return auditTarget(command.parse(args, { from: 'user' }).opts<AuditFlags>());
}
const POLICY = ['--audit-policy-file', 'package.json'];

describe('the flags of the audit log', () => {
  it('mean none when there are none', () => {
    expect(target()).toBeUndefined();
  });

  it('name a policy and a file, and when it is set aside', () => {
    const rotation = ['--audit-log-maxsize', '10', '--audit-log-maxbackup', '3', '--audit-log-maxage', '30'];
    expect(target(...POLICY, '--audit-log-path', 'audit.log', ...rotation)).toMatchObject({
      policy: { path: 'package.json' },
      path: 'audit.log',
      rotation: { maxSize: 10, maxBackups: 3, maxAge: 30 },
    });
  });

  it('take - for standard output', () => {
    expect(target(...POLICY, '--audit-log-path', '-')?.path).toBeUndefined();
  });

  it.each([
    [POLICY, '--audit-policy-file and --audit-log-path belong together'],
    [['--audit-log-path', '-'], '--audit-policy-file and --audit-log-path belong together'],
    [['--audit-log-maxage', '1'], '--audit-policy-file and --audit-log-path belong together'],
    [[...POLICY, '--audit-log-path', '-', '--audit-log-maxsize', '-1'], 'a whole number'],
    [['--audit-policy-file', '/nowhere', '--audit-log-path', '-'], '--audit-policy-file /nowhere: '],
  ])('are refused as %j', (args, message) => {
    expect(() => target(...args)).toThrow(message);
  });
});
