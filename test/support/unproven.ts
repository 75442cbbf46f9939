import { expect } from 'vitest';
import type { Host } from '../hosts/host.ts';

const LEFT = `ls -d /var/lib/hostler/confirm/*/armed /var/lib/hostler/confirm/*/rolling /etc/systemd/system/hostler-undo-* \\
  /etc/systemd/system/multi-user.target.wants/hostler-undo-* 2>/dev/null
systemctl list-units --all --plain --no-legend 'hostler-confirm-*'
find /etc/ssh /etc/systemd/system -name '*.hostler-*'
`;

/** Nothing on the host waits for a proof any more, and nothing of it is left. */
export async function expectNothingToTakeBack(host: Host): Promise<void> {
  await expect.poll(async () => host.run(LEFT), { timeout: 10_000 }).toBe('');
}
