import { exitCodes } from './exitCodes.ts';
import { ownershipFunctions, processFunctions } from './ownershipScript.ts';

const unitOf = (id: string): string => `/etc/systemd/system/hostler-undo-${id}.service`;
const wantOf = (id: string): string => `/etc/systemd/system/multi-user.target.wants/hostler-undo-${id}.service`;

/** How every undo shows in systemd. */
const PURPOSE = 'Hostler: take back a change that was not proven';

/**
 * A change that waits for its proof has the directory confirm/ID on the host: `run` takes the change back, `paths` and
 * `saved.N` are the files as they were, `rollback` puts them in force again, `log` is what that printed. Where the
 * change stands is the name of one marker, so that only one of proof and undo can have it:
 * armed → confirmed, or armed → rolling → rolledback. `made`: the change came to its end, so that a login proves it.
 *
 * This is `run`, called by a timer, by a unit at the next boot, and by whoever sees that the proof failed. It ends well
 * unless the change was proven meanwhile; when it was cut off it begins again.
 */
export const undoText = `#!/bin/sh
set -u
LC_ALL=C.UTF-8
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
home=\${0%/*}
id=\${home##*/}
{
exec 8>>"$home/lock" || exit 1
flock 8
[ ! -e "$home/rolledback" ] || exit 0
mv "$home/armed" "$home/rolling" 2>/dev/null || [ -e "$home/rolling" ] || exit ${exitCodes.proven}
count=0
while IFS= read -r path; do
  count=$((count + 1))
  if [ -e "$home/saved.$count" ]; then
    cp -p "$home/saved.$count" "$path.hostler-old" && mv -f "$path.hostler-old" "$path"
  else
    rm -f "$path"
  fi
  sync "\${path%/*}" "$path" 2>/dev/null || sync
done <"$home/paths"
timeout -k 5 60 sh "$home/rollback" </dev/null >>"$home/log" 2>&1 8>&-
mv "$home/rolling" "$home/rolledback"
rm -f "${wantOf('$id')}" "${unitOf('$id')}"
sync "$home" 2>/dev/null || sync
exit 0
}
`;

const functions = `${processFunctions}${ownershipFunctions}
hostler_forget() { # ID: a change that nothing has to take back any more
  systemctl stop "hostler-confirm-$1.timer" >/dev/null 2>&1 || true
  rm -f "${wantOf('$1')}" "${unitOf('$1')}"
  rm -rf "$hostler_root/confirm/$1"
}
hostler_arm() { # ID SECONDS RUN ROLLBACK PATHS: from here on the host takes back what happens to PATHS (one a line)
  hostler_home=$hostler_root/confirm/$1
  hostler_new=$hostler_root/confirm/.new
  for hostler_old in "$hostler_root"/confirm/[0-9a-f]* "$hostler_new"; do
    if [ -d "$hostler_old" ]; then hostler_forget "\${hostler_old##*/}"; fi
  done
  mkdir -p "$hostler_root/confirm" /etc/systemd/system/multi-user.target.wants && mkdir "$hostler_new" &&
    : >"$hostler_new/armed" && : >"$hostler_new/paths" &&
    printf '%s' "$3" >"$hostler_new/run" && printf '%s' "$4" >"$hostler_new/rollback" || hostler_cannot_write
  hostler_count=0
  for hostler_path in $5; do
    hostler_count=$((hostler_count + 1))
    hostler_path=$(readlink -m "$hostler_path")
    printf '%s\\n' "$hostler_path" >>"$hostler_new/paths" || hostler_cannot_write
    if [ -e "$hostler_path" ]; then cp -p "$hostler_path" "$hostler_new/saved.$hostler_count" || hostler_cannot_write; fi
  done
  printf '%s\\n' '[Unit]' 'Description=${PURPOSE}' \\
    'After=ssh.service sshd.service ssh.socket sshd.socket' \\
    "ConditionPathExists=|$hostler_home/armed" "ConditionPathExists=|$hostler_home/rolling" \\
    '[Service]' 'Type=oneshot' "ExecStart=/bin/sh $hostler_home/run" >"${unitOf('$1')}" &&
    chmod 644 "${unitOf('$1')}" && ln -sf "${unitOf('$1')}" "${wantOf('$1')}" || hostler_cannot_write
  hostler_flush "$hostler_new"/* "${unitOf('$1')}" /etc/systemd/system /etc/systemd/system/multi-user.target.wants
  mv "$hostler_new" "$hostler_home"
  hostler_flush "$hostler_root/confirm"
  if ! systemd-run --quiet --collect --unit="hostler-confirm-$1" --on-active="$2" \\
    --timer-property=AccuracySec=100ms --description='${PURPOSE}' /bin/sh "$hostler_home/run" 9>&- >&2; then
    hostler_forget "$1"
    hostler_refuse 1 'hostler: systemd on the host does not start the timer that would take the change back.'
  fi
}
`;

/** Begins a script that works on the change ID: its own claim is not refused because of it. Arguments: claim (5) ID. */
const begin = `{
${functions}
hostler_change=$6
hostler_claim "$1" "$2" "$3" "$4" "$5"
shift 5
hostler_home=$hostler_root/confirm/$1
`;

/**
 * Arms, then makes the change; one that fails is taken back at once, and its exit code is told.
 * Arguments: claim (5) ID SECONDS RUN ROLLBACK PATHS, then the body's own.
 */
export function provisionalScript(body: string): string {
  return `${begin}
hostler_arm "$1" "$2" "$3" "$4" "$5"
shift 5
umask 022
set +e
(
set -eu
${body}
) 9>&- </dev/null
hostler_code=$?
set -e
if [ "$hostler_code" -ne 0 ]; then
  sh "$hostler_home/run" >/dev/null 2>&1 9>&- || true
  hostler_forget "$hostler_change"
  if [ "$hostler_code" -lt 200 ] && hostler_full; then
    hostler_refuse ${exitCodes.diskFull} "hostler: $hostler_fullness"
  fi
  exit "$hostler_code"
fi
[ -e "$hostler_home/armed" ] || exit ${exitCodes.takenBack}
: >"$hostler_home/made"
}
`;
}

/** Disarms, by the session that is the proof. Arguments: claim (5) ID. */
export const confirmScript = `${begin}
if ! mv "$hostler_home/armed" "$hostler_home/confirmed" 2>/dev/null; then
  [ -e "$hostler_home/confirmed" ] || exit ${exitCodes.takenBack}
fi
hostler_flush "$hostler_home"
hostler_forget "$1"
}
`;

/**
 * Takes the change back now; its record stays until the next change. Arguments: claim (5) ID WHEN. WHEN `cut`: only if
 * its script, for whose end the claim has waited, did not come to its end.
 */
export const undoScript = `${begin}
[ -d "$hostler_home" ] || exit ${exitCodes.proven}
if [ "$2" = cut ] && [ -e "$hostler_home/made" ]; then exit ${exitCodes.changedMeanwhile}; fi
sh "$hostler_home/run" >&2 9>&-
systemctl stop "hostler-confirm-$1.timer" >/dev/null 2>&1 || true
}
`;

/**
 * Where a change stands, by the name of its marker; `armed made` once it came to its end; nothing when there is no such
 * change. Reads only. Argument: ID.
 */
export const standScript = `{
${processFunctions}
for hostler_marker in confirmed rolledback rolling armed; do
  if [ -e "$hostler_root/confirm/$1/$hostler_marker" ]; then
    if [ "$hostler_marker" = armed ] && [ -e "$hostler_root/confirm/$1/made" ]; then hostler_marker='armed made'; fi
    printf '%s\\n' "$hostler_marker"
    break
  fi
done
}
`;

/** What is left of undoing outside of Hostler's directory; part of removing the agent. */
export const removeUndoUnits = `rm -f ${unitOf('*')} ${wantOf('*')}
`;
