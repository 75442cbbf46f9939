import type { FileSystem, HostFacts } from '../facts.ts';
import type { FactFragment } from '../task.ts';
import { present } from './present.ts';

const KIB = 1024;

/** Size of the machine and room on its file systems. */
export const hardwareFacts: FactFragment<Partial<HostFacts>> = {
  script: `
file cpus /sys/devices/system/cpu/online
if IFS= read -r line </proc/meminfo; then put memory "$line"; fi
for path in / /var/lib /var/lib/docker; do
  if [ -d "$path" ]; then set -- "$@" "$path"; fi
done
run disks df -P -k "$@"
put paths "$*"
`,
  parse: (records) => {
    const cpus = countCpus(records.text('cpus')?.trim() ?? '');
    const memory = /^MemTotal:\s+(\d{1,15}) kB$/.exec(records.text('memory') ?? '')?.[1];
    return present({
      cpus,
      memoryBytes: memory === undefined ? undefined : Number(memory) * KIB,
      fileSystems: fileSystemsOf(records.entry('disks')?.text ?? '', records.text('paths') ?? ''),
    });
  },
};

/** Counts a kernel CPU list such as `0-3,6`. */
function countCpus(list: string): number | undefined {
  if (!/^\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*$/.test(list)) return undefined;
  return list
    .split(',')
    .map((range) => range.split('-').map(Number))
    .reduce((sum, [first = 0, last = first]) => sum + last - first + 1, 0);
}

/** df prints one line per argument, in order; a line that it could not make is missing and stops the pairing. */
function fileSystemsOf(df: string, paths: string): FileSystem[] {
  const asked = paths.split(' ').filter(Boolean);
  const rows = df.split('\n').slice(1);
  if (rows.length !== asked.length) return [];
  return rows.flatMap((row, index) => {
    const [, blocks, free] = /\s(\d{1,18})\s+\d+\s+(\d{1,18})\s+\d+%\s/.exec(row) ?? [];
    const path = asked[index];
    if (blocks === undefined || free === undefined || path === undefined) return [];
    return [{ path, totalBytes: Number(blocks) * KIB, freeBytes: Number(free) * KIB }];
  });
}
