import type { Script } from '../ssh/session.ts';

/** The user's text is data to Hostler's script: it becomes a file, and that file a program of its own sh. */
const text = `
umask 077
printf '%s' "$1" >"$HOSTLER_JOB_DIR/hook"
umask 022
cd /
exec sh "$HOSTLER_JOB_DIR/hook"
`;

/** The body of a job that runs a user's script, as root, by its own sh. */
export function userScript(name: string, script: string): Script {
  return { name, text, args: [script] };
}
