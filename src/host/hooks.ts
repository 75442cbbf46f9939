import type { EffectiveServer } from '../api/effective.ts';
import type { Session } from '../ssh/session.ts';
import { runAction, type ApplyOptions, type ApplyResult } from './apply.ts';
import { explainHook } from './failures.ts';

export type Hook = EffectiveServer['hooks'][number];

/** The user's text is data to Hostler's script: it becomes a file, and that file a program of its own sh. */
const runUserScript = `
umask 077
printf '%s' "$1" >"$HOSTLER_JOB_DIR/hook"
umask 022
cd /
exec sh "$HOSTLER_JOB_DIR/hook"
`;

/**
 * Runs a user's script as a durable job, as root, by its own sh. Its change name is `hook/NAME`.
 * @throws TransientError HookFailed  with the end of its output; and what `applyChange` throws.
 */
export async function runHook(
  session: Session,
  hook: Hook,
  options: Omit<ApplyOptions, 'facts'>,
): Promise<ApplyResult> {
  return runAction(
    session,
    {
      name: `hook/${hook.name}`,
      params: { script: hook.script, timeoutSeconds: hook.timeoutSeconds },
      action: {
        kind: 'job',
        script: { name: 'hook', text: runUserScript, args: [hook.script] },
        timeoutSeconds: hook.timeoutSeconds,
      },
      explain: (run) => explainHook(hook.name, run),
    },
    options,
  );
}
