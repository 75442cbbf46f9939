import type { Host } from '../hosts/host.ts';

/** Perl: takes the lock on its argument as apt does, by fcntl, and keeps it. */
const PROGRAM = `use Fcntl; open(my $f, ">>", $ARGV[0]) or die; my $l = pack("s s l! l! i", F_WRLCK, SEEK_SET, 0, 0, 0); fcntl($f, F_SETLK, $l) or die "busy"; sleep 1000;`;

/** POSIX sh: $1 Perl program, $2 path; prints the holder's pid and a file that goes with it, be it by a reboot. */
const HOLD = `
note=$(mktemp /run/lock-holder.XXXXXX)
nohup perl -MFcntl=:DEFAULT,:seek -e "$1" "$2" >/tmp/lock.log 2>&1 &
sleep 0.5
kill -0 "$!" || exit 1
echo "$!" >"$note"
echo "$! $note"
`;

/**
 * Takes a lock as apt does, by fcntl, in a process on the host.
 * @throws Error  when somebody else holds it.
 */
export async function holdLock(host: Host, path: string): Promise<{ pid: number; release: () => Promise<void> }> {
  const [pid = '', note = ''] = (await host.run(HOLD, { args: [PROGRAM, path] })).trim().split(' ');
  return {
    pid: Number(pid),
    release: async () => {
      // after a reboot another process may have its number
      await host.exec('[ ! -e "$1" ] || kill "$(cat "$1")"; rm -f "$1"; sleep 0.2', { args: [note] });
    },
  };
}
