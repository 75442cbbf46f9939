import { exitCodes } from './exitCodes.ts';
import { ownershipFunctions, processFunctions } from './ownershipScript.ts';

const unitOf = (id: string): string => `/etc/systemd/system/hostler-undo-${id}.service`;
const wantOf = (id: string): string => `/etc/systemd/system/multi-user.target.wants/hostler-undo-${id}.service`;

/** How often, and after which pause, the timer and the boot try to put files in force that are back. */
const TRIES = 10;
const PAUSE_SECONDS = 30;

/** How every undo shows in systemd. */
const PURPOSE = 'Hostler: take back a change that was not proven';

/**
 * A change that waits for its proof has the directory confirm/ID on the host: `run` takes the change back, `paths` and
 * `saved.N` are the files as they were, `rollback` puts them in force again, `log` is what that printed. Where the
 * change stands is the name of one marker, so that only one of proof and undo can have it:
 * armed → confirmed, or armed → rolling → rolledback. `made`: the change came to its end, so that a login proves it.
 *
 * This is `run`, called by a timer, by a unit at the next boot, and by whoever sees that the proof failed. It ends with 0
 * only when every file is back and in force; until then the change stays `rolling` and the next call begins again.
 * Arguments: TRIES, after which files that are back are enough, for want of who puts them in force; PAUSE, seconds after
 * which it tries again by itself. Without them, one try.
 *
 * PATH.hostler-old is the file as it was beside the one that is changed, so that a file system without room does not keep
 * it from coming back: that is a rename. `saved.N` is what says that the file was there, and the copy to fall back on.
 */
export const undoText = `#!/bin/sh
set -u
LC_ALL=C.UTF-8
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
home=\${0%/*}
id=\${home##*/}
{
put_back() { # N PATH
  if [ ! -e "$home/saved.$1" ]; then
    rm -f "$2"
  elif [ -e "$2.hostler-old" ]; then
    mv -f "$2.hostler-old" "$2"
  elif cmp -s "$home/saved.$1" "$2"; then
    chown --reference="$home/saved.$1" "$2" && chmod --reference="$home/saved.$1" "$2"
  else
    { cp -p "$home/saved.$1" "$2.hostler-new" && mv -f "$2.hostler-new" "$2"; } || { rm -f "$2.hostler-new"; return 1; }
  fi
}
take_back() ( # ENOUGH: what is not empty lets it end without being in force. 1: files are not back, 3: not in force
[ -d "$home" ] || exit ${exitCodes.proven}
exec 8>>"$home/lock" || exit 1
flock 8
[ ! -e "$home/rolledback" ] || exit 0
if ! mv "$home/armed" "$home/rolling" 2>/dev/null && [ ! -e "$home/rolling" ]; then
  [ ! -e "$home/armed" ] || exit 1
  exit ${exitCodes.proven}
fi
count=0
left=0
while IFS= read -r path; do
  count=$((count + 1))
  put_back "$count" "$path" || left=1
  sync "\${path%/*}" "$path" 2>/dev/null || sync
done <"$home/paths" || left=1
# what was not proven is not to be put in force once more
[ "$left" -eq 0 ] || exit 1
timeout -k 5 60 sh "$home/rollback" </dev/null >>"$home/log" 2>&1 8>&- || [ -n "$1" ] || exit 3
mv "$home/rolling" "$home/rolledback" || exit 1
rm -f "${wantOf('$id')}" "${unitOf('$id')}"
sync "$home" 2>/dev/null || sync
exit 0
)
idle=1
while :; do
  enough=
  if [ "$idle" -ge "\${1:-$((idle + 1))}" ]; then enough=yes; fi
  take_back "$enough"
  code=$?
  case $code in 0 | ${exitCodes.proven}) exit "$code" ;; esac
  if [ -z "\${2:-}" ]; then
    echo 'not taken back yet' >&2
    exit 1
  fi
  if [ "$code" -eq 3 ]; then idle=$((idle + 1)); fi
  sleep "$2"
done
}
`;

const functions = `${processFunctions}${ownershipFunctions}
hostler_forget() { # ID: a change that nothing has to take back any more
  systemctl stop "hostler-confirm-$1.timer" >/dev/null 2>&1 || true
  rm -f "${wantOf('$1')}" "${unitOf('$1')}"
  if [ -e "$hostler_root/confirm/$1/paths" ]; then
    while IFS= read -r hostler_path; do rm -f "$hostler_path.hostler-old"; done <"$hostler_root/confirm/$1/paths"
  fi
  rm -rf "$hostler_root/confirm/$1"
}
hostler_arm() { # ID SECONDS RUN ROLLBACK PATHS: from here on the host takes back what happens to PATHS (one a line)
  hostler_home=$hostler_root/confirm/$1
  hostler_new=$hostler_root/confirm/.new
  for hostler_old in "$hostler_root"/confirm/[0-9a-f]* "$hostler_new"; do
    if [ -d "$hostler_old" ]; then hostler_forget "\${hostler_old##*/}"; fi
  done
  mkdir -p "$hostler_root/confirm" /etc/systemd/system/multi-user.target.wants && mkdir "$hostler_new" &&
    : >"$hostler_new/armed" && : >"$hostler_new/paths" && : >"$hostler_new/lock" && : >"$hostler_new/log" &&
    printf '%s' "$3" >"$hostler_new/run" && printf '%s' "$4" >"$hostler_new/rollback" || hostler_cannot_write
  hostler_count=0
  for hostler_path in $5; do
    hostler_count=$((hostler_count + 1))
    hostler_path=$(readlink -m "$hostler_path")
    printf '%s\\n' "$hostler_path" >>"$hostler_new/paths" || hostler_cannot_write
    if [ -e "$hostler_path" ]; then
      cp -p "$hostler_path" "$hostler_new/saved.$hostler_count" &&
        cp -p "$hostler_path" "$hostler_path.hostler-old" || hostler_cannot_write
      hostler_flush "$hostler_path.hostler-old" "\${hostler_path%/*}"
    fi
  done
  printf '%s\\n' '[Unit]' 'Description=${PURPOSE}' \\
    'After=ssh.service sshd.service ssh.socket sshd.socket' \\
    "ConditionPathExists=|$hostler_home/armed" "ConditionPathExists=|$hostler_home/rolling" \\
    '[Service]' 'Type=simple' "ExecStart=/bin/sh $hostler_home/run ${TRIES} ${PAUSE_SECONDS}" >"${unitOf('$1')}" &&
    chmod 644 "${unitOf('$1')}" && ln -sf "${unitOf('$1')}" "${wantOf('$1')}" || hostler_cannot_write
  hostler_flush "$hostler_new"/* "${unitOf('$1')}" /etc/systemd/system /etc/systemd/system/multi-user.target.wants
  mv "$hostler_new" "$hostler_home"
  hostler_flush "$hostler_root/confirm"
  if ! systemd-run --quiet --collect --unit="hostler-confirm-$1" --on-active="$2" \\
    --timer-property=AccuracySec=100ms --description='${PURPOSE}' /bin/sh "$hostler_home/run" ${TRIES} ${PAUSE_SECONDS} 9>&- >&2; then
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
  # what is not back yet is left to the timer
  if sh "$hostler_home/run" >/dev/null 2>&1 9>&-; then hostler_forget "$hostler_change"; fi
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
