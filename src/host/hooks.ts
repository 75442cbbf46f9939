import type { EffectiveServer } from '../api/effective.ts';
import type { Session } from '../ssh/session.ts';
import { runAction, type ApplyOptions, type ApplyResult } from './apply.ts';
import { explainHook } from './failures.ts';
import { userScript } from './userScript.ts';

export type Hook = EffectiveServer['hooks'][number];

/**
 * Runs a user's script as a durable job, as root, by its own sh. Its change name is `hook/NAME`.
 * @throws TransientError HookFailed  with the end of its output; and what `applyChange` throws.
 */
export async function runHook(
  session: Session,
  hook: Hook,
  options: Omit<ApplyOptions, 'facts' | 'proof' | 'artifacts'>,
): Promise<ApplyResult> {
  return runAction(
    session,
    {
      name: `hook/${hook.name}`,
      params: { script: hook.script, timeoutSeconds: hook.timeoutSeconds },
      action: {
        kind: 'job',
        script: userScript('hook', hook.script),
        timeoutSeconds: hook.timeoutSeconds,
      },
      explain: (run) => explainHook(hook.name, run),
      once: true,
    },
    options,
  );
}
