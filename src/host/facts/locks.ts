import type { LockHolder } from '../facts.ts';
import type { Records } from '../records.ts';
import { stateDirectory } from '../ownershipScript.ts';

/** The lock of Hostler's own mutating scripts. */
export const ownLockPath = `${stateDirectory}/lock`;

/** Prints who holds a lock on a file in `$hostler_stat` (lines `INODE|…|PATH`, see observeScript.ts). */
export const lockScript = `
put stat "$hostler_stat"
newline='
'
if [ -r /proc/locks ]; then
  put locks 1
  number=0
  while read -r _ kind _ _ pid inode _; do
    case $kind in POSIX | FLOCK | OFDLCK) ;; *) continue ;; esac
    case "$newline$hostler_stat" in *"$newline\${inode##*:}|"*) ;; *) continue ;; esac
    process=
    if [ "$pid" -gt 0 ] 2>/dev/null; then { IFS= read -r process <"/proc/$pid/comm"; } 2>/dev/null; fi
    number=$((number + 1))
    put "lock.$number" "\${inode##*:} $pid $process"
  done </proc/locks
fi
`;

/** Every lock on a file of the stat list; undefined: could not look. Source: proc_locks(5). */
export function locksOf(records: Records): LockHolder[] | undefined {
  if (records.text('locks') === undefined) return undefined;
  const paths = new Map(
    (records.lines('stat') ?? []).map((line) => [line.split('|')[0], line.split('|').at(-1) ?? '']),
  );
  return records.names('lock.').flatMap((name) => {
    const [, inode, pid, process] = /^(\d+) (\d+) (.{0,64})$/.exec(records.text(name) ?? '') ?? [];
    const path = paths.get(inode) ?? '';
    if (pid === undefined || path === '') return [];
    return [{ pid: Number(pid), process: process ?? '', path }];
  });
}
