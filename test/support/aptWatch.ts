import type { Host } from '../hosts/host.ts';

const DIRECTORY = '/var/lib/apt-watch';

/** Notes how many apt-get processes ran at once. */
const WATCH = `#!/bin/sh
while :; do
  # a child that apt-get forked, and that has not yet become dpkg, is no second run
  n=$(ps -C apt-get -o pid=,ppid= | awk '{ of[$1] = $2 } END { n = 0; for (p in of) if (!(of[p] in of)) n++; print n }')
  [ "$n" -le 1 ] || echo "$n" >>${DIRECTORY}/seen
  sleep 0.05
done
`;

const UNIT = `[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/sh ${DIRECTORY}/watch
[Install]
WantedBy=sysinit.target
`;

/** Watches from now on, over reboots too, for two apt-get at once. */
export async function watchApt(host: Host): Promise<void> {
  await host.run(`mkdir -p ${DIRECTORY}; : >${DIRECTORY}/seen; cat >${DIRECTORY}/watch`, { input: WATCH });
  await host.run('cat >/etc/systemd/system/apt-watch.service; systemctl enable --now --quiet apt-watch.service', {
    input: UNIT,
  });
}

/** Ends the watch. Returns how many ran at the moments at which there was more than one; '' = never. */
export async function seenByAptWatch(host: Host): Promise<string> {
  return host.run(`systemctl disable --now --quiet apt-watch.service; cat ${DIRECTORY}/seen`);
}
