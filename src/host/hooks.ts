import type { EffectiveServer } from '../api/effective.ts';
import type { Session } from '../ssh/session.ts';
import type { ApplyOptions, ApplyResult } from './apply.ts';

export type Hook = EffectiveServer['hooks'][number];

/** Runs a user's script as a durable job, as root, by its own sh. @throws TransientError HookFailed */
export declare function runHook(
  session: Session,
  hook: Hook,
  options: Omit<ApplyOptions, 'facts'>,
): Promise<ApplyResult>;
