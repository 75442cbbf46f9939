import type { Host } from '../hosts/host.ts';

/** Takes a lock as apt does, by fcntl, in a process on the host. */
export async function holdLock(host: Host, path: string): Promise<{ pid: number; release: () => Promise<void> }> {
  const program = `use Fcntl; open(my $f, ">>", $ARGV[0]) or die; my $l = pack("s s l! l! i", F_WRLCK, SEEK_SET, 0, 0, 0); fcntl($f, F_SETLK, $l) or die "busy"; sleep 1000;`;
  // gone with a reboot, as the process is: what has its number then must not be ended
  const note = `/run/${path.replaceAll('/', '-')}.pid`;
  await host.exec(`nohup perl -MFcntl=:DEFAULT,:seek -e "$1" "$2" >/tmp/lock.log 2>&1 & echo $! >"$3"; sleep 0.5`, {
    args: [program, path, note],
  });
  const pid = Number((await host.run('cat "$1"', { args: [note] })).trim());
  return {
    pid,
    release: async () => {
      await host.exec('kill "$(cat "$1")"; rm -f "$1"; sleep 0.2', { args: [note] });
    },
  };
}
