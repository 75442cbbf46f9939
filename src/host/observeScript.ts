import type { Script } from '../ssh/session.ts';
import { processFunctions } from './ownershipScript.ts';
import { recordsPrelude } from './records.ts';

/** Files whose change means that the package state changed: the slow facts are gathered again then. */
const packageState = [
  '/var/lib/dpkg/status /var/lib/dpkg/updates /var/lib/apt/lists /var/lib/apt/extended_states',
  '/etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/sources.list.d/* /etc/apt/preferences /etc/apt/preferences.d/*',
  '/var/lib/rpm/rpmdb.sqlite /usr/lib/sysimage/rpm/rpmdb.sqlite /var/lib/rpm/Packages /etc/yum.repos.d/* /var/cache/dnf/*',
  '/lib/apk/db/installed /etc/apk/world /etc/apk/repositories',
  '/var/lib/pacman/local /var/lib/pacman/sync /etc/pacman.conf',
  '/var/lib/hostler/bundles',
].join(' ');

/** When a fragment runs: on every look, when the package state changed, or rarely. */
export type Pace = 'always' | 'packages' | 'rarely';

/** One fragment in its place in the script. */
export interface PlacedFragment {
  /** Number of its records; 0 is the engine's own. */
  scope: number;
  script: string;
  pace: Pace;
  args: readonly string[];
}

/** What this look is asked to do. */
export interface Look {
  nonce: string;
  /** Signature that the slow facts at hand belong to; empty = none. */
  signature: string;
  /** Runs the `packages` fragments in any case. */
  forcePackages: boolean;
  /** Runs the `rarely` fragments. */
  rarely: boolean;
}

/**
 * The one script that looks at a host. Its text depends only on which tasks there are; the nonce, the signature and
 * the fragments' arguments travel as arguments. Each fragment runs in a subshell, so that neither its variables nor
 * its end touch the others, and leaves the record `hostler.done` when it came to its end.
 */
export function observeScript(fragments: readonly PlacedFragment[], look: Look): Script {
  const text = `set +e
hostler_nonce=$1
hostler_known=$2
hostler_force=$3
hostler_rarely=$4
shift 4
hostler_scope=0
${recordsPrelude}${processFunctions}run time date +%s
hostler_stat=$(stat -c '%i|%Y|%Z|%s|%n' ${packageState} 2>/dev/null)
put signature "$hostler_stat"
if [ "$hostler_stat" != "$hostler_known" ]; then hostler_force=1; fi
put packages "$hostler_force"
hostler_look() {
${fragments.map((fragment) => placed(fragment, fragment.pace !== 'rarely')).join('')}:
}
hostler_probe() {
${fragments.map((fragment) => placed(fragment, fragment.pace === 'rarely')).join('')}:
}
if [ "$hostler_rarely" = 1 ]; then
  # The rare ones wait for the network: they do so beside the others, and their records come last.
  hostler_probe "$@" | { hostler_look "$@" </dev/null; cat; }
else
  hostler_look "$@"
fi
hostler_finish
exit 0
`;
  const args = fragments.flatMap((fragment) => [String(fragment.args.length), ...fragment.args]);
  const flag = (on: boolean): string => (on ? '1' : '0');
  return {
    name: 'observe',
    text,
    args: [look.nonce, look.signature, flag(look.forcePackages), flag(look.rarely), ...args],
  };
}

/** Takes `COUNT args…` off the front of the arguments: the subshell turns them to the end and drops the others. */
function placed({ scope, script, pace }: PlacedFragment, included: boolean): string {
  const skip = 'shift "$(($1 + 1))"\n';
  if (!included) return skip;
  const run = `(
  hostler_count=$1
  shift
  hostler_rest=$(($# - hostler_count))
  while [ "$hostler_count" -gt 0 ]; do
    set -- "$@" "$1"
    shift
    hostler_count=$((hostler_count - 1))
  done
  shift "$hostler_rest"
  set -u
${script}
put hostler.done ''
)`;
  const guarded = pace === 'packages' ? `if [ "$hostler_force" = 1 ]; then ${run}; fi` : run;
  return `hostler_scope=${scope}\n${guarded}\n${skip}`;
}
