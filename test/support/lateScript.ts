import { until } from '../hosts/command.ts';
import type { Host } from '../hosts/host.ts';

const SWITCH = '/run/late-script';
/** Found before flock(1) itself. */
const STAND_IN = '/usr/local/sbin/flock';

/** Whatever changes the host asks flock for Hostler's lock first: whoever does so first is kept waiting before that. */
const KEEP_WAITING = `#!/bin/sh
if mkdir ${SWITCH}/caught 2>/dev/null; then
  echo "$PPID" >${SWITCH}/caught/pid
  while [ -d ${SWITCH} ]; do sleep 0.1; done
fi
exec /usr/bin/flock "$@"
`;

/** Lets the script go on and waits for its end. */
const RELEASE = `
pid=$(cat ${SWITCH}/caught/pid)
rm -rf ${SWITCH} ${STAND_IN}
tries=200
while [ -d "/proc/$pid" ]; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || { echo 'the script goes on and on' >&2; exit 1; }
  sleep 0.1
done
`;

/** A script that has reached the host and has not begun. */
export interface LateScript {
  /** Resolves once there is one. */
  caught(): Promise<void>;
  /** Lets it begin, and resolves at its end. */
  released(): Promise<void>;
}

/**
 * Keeps the next script that would change the host from beginning; those after it pass. As on a link that delivers late,
 * or a host that hangs for a while: whoever sent it may have lost its shard when it begins.
 */
export async function delayNextScript(host: Host): Promise<LateScript> {
  await host.run(`mkdir ${SWITCH}; cat >${STAND_IN}; chmod 755 ${STAND_IN}`, { input: KEEP_WAITING });
  const isCaught = async () => (await host.exec(`[ -s ${SWITCH}/caught/pid ]`)).code === 0 || undefined;
  return {
    caught: async () => {
      await until('a script on the host', 60_000, isCaught);
    },
    released: async () => {
      await host.run(RELEASE);
    },
  };
}
