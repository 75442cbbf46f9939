import type { Session } from '../ssh/session.ts';

const MACHINE_ID = /^[0-9a-f]{32}$/;
const TIMEOUT_MS = 15_000;

const readScript = `
cat /etc/machine-id 2>/dev/null || cat /var/lib/dbus/machine-id 2>/dev/null || :
`;

/** Which machine this is, by one small round trip before anything else; undefined = it does not say. */
export async function readMachineID(session: Session, signal: AbortSignal): Promise<string | undefined> {
  const script = { name: 'machine-id', text: readScript };
  return parseMachineID((await session.run(script, { asUser: true, timeoutMs: TIMEOUT_MS, signal })).stdout);
}

/** What /etc/machine-id says; undefined while it is no id (`uninitialized`, empty). */
export function parseMachineID(text: string | undefined): string | undefined {
  const id = text?.trim();
  return id !== undefined && MACHINE_ID.test(id) ? id : undefined;
}
