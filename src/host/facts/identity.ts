import type { HostFacts } from '../facts.ts';
import { parseMachineID } from '../machineID.ts';
import type { FactFragment } from '../task.ts';
import { present } from './present.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Fields of /proc/PID/stat count from 1; what follows the command's name starts with field 3. */
const START_TIME_FIELD = 22;

/** Which machine this is and which boot. */
export const identityFacts: FactFragment<Partial<HostFacts>> = {
  script: `
if [ -r /etc/machine-id ]; then file machine-id /etc/machine-id; else file machine-id /var/lib/dbus/machine-id; fi
file boot-id /proc/sys/kernel/random/boot_id
file init-stat /proc/1/stat
if [ -e /run/systemd/container ] || [ -e /.dockerenv ] || [ -e /run/.containerenv ]; then put in-container 1; fi
`,
  parse: (records) => {
    const bootID = bootIDOf(
      records.text('boot-id')?.trim(),
      startTimeOf(records.text('init-stat') ?? ''),
      records.text('in-container') !== undefined,
    );
    return present({ machineID: parseMachineID(records.text('machine-id')), bootID });
  },
};

/**
 * Containers share the boot id with their machine (LXC), so there PID 1's start time is added; a boot id that is no
 * UUID (an error text was once taken for a new one: Ansible #83018) does not count at all.
 */
function bootIDOf(bootID: string | undefined, initStart: string | undefined, inContainer: boolean): string | undefined {
  const valid = bootID !== undefined && UUID.test(bootID) ? bootID : undefined;
  if (valid !== undefined && !inContainer) return valid;
  if (initStart === undefined) return valid;
  return `${valid ?? 'init'}-${initStart}`;
}

function startTimeOf(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const start = fields[START_TIME_FIELD - 3];
  return start !== undefined && /^\d{1,20}$/.test(start) ? start : undefined;
}
