import { exitCodes } from './exitCodes.ts';

/** Everything Hostler keeps on a host. */
export const stateDirectory = '/var/lib/hostler';

/**
 * Shell functions that read processes and job records; they change nothing.
 *
 * A job's directory jobs/ID holds: `record` (key=value lines, written before the start), `process` (pid, start time
 * and session of the runner, which makes it of `claim`), `exit` (16 blanks until the end), `body`, `run`, `log`.
 */
export const processFunctions = `hostler_root=${stateDirectory}
hostler_process() { # PID: sets hostler_start and hostler_session; empty when it is gone or a zombie
  hostler_start=
  hostler_session=
  { IFS= read -r hostler_line <"/proc/$1/stat"; } 2>/dev/null || return 0
  set -- \${hostler_line##*') '}
  if [ "$1" != Z ] && [ "$1" != X ]; then
    hostler_session=$4
    hostler_start=\${20}
  fi
}
hostler_doze() { # sleeps a tenth of a second where sleep can, else a second; sets hostler_dozed to the tenths
  hostler_dozed=1
  sleep 0.1 2>/dev/null || { sleep 1; hostler_dozed=10; }
}
hostler_boot() { # sets hostler_boot_id: changes with every boot, of a container too
  hostler_process 1
  hostler_boot_id=none
  { IFS= read -r hostler_boot_id </proc/sys/kernel/random/boot_id; } 2>/dev/null || true
  hostler_boot_id=$hostler_boot_id/$hostler_start
}
hostler_full() { # true when a file system that Hostler or packages write to has no room; names them in hostler_fullness
  hostler_fullness=$(df -P -k / /var/lib "$hostler_root" /var/cache /tmp 2>/dev/null | {
    hostler_named=
    while read -r _ _ _ hostler_free _ hostler_mount; do
      case $hostler_free in *[!0-9]* | '') continue ;; esac
      [ "$hostler_free" -lt 512 ] || continue
      case "$hostler_named, " in *" $hostler_mount has "*) continue ;; esac
      hostler_named="$hostler_named, $hostler_mount has $hostler_free kB free"
    done
    printf '%s' "\${hostler_named#, }"
  })
  [ -n "$hostler_fullness" ]
}
hostler_members() { # SESSION ID: sets hostler_pids to the live processes of a job whose runner may be gone
  hostler_pids=
  for hostler_entry in /proc/[0-9]*; do
    hostler_process "\${hostler_entry#/proc/}"
    [ -n "$hostler_session" ] && [ "$hostler_session" = "$1" ] || continue
    if tr '\\000' '\\n' <"$hostler_entry/environ" 2>/dev/null | grep -q -x "HOSTLER_JOB=$2"; then
      hostler_pids="$hostler_pids \${hostler_entry#/proc/}"
    fi
  done
}
hostler_job() { # ID: sets hostler_state (Absent Starting Running Exited Interrupted), hostler_exit
  hostler_state=Absent
  hostler_exit=
  hostler_dir=$hostler_root/jobs/$1
  [ -f "$hostler_dir/record" ] || return 0
  hostler_was=
  while IFS='=' read -r hostler_key hostler_value; do
    [ "$hostler_key" = boot ] && hostler_was=$hostler_value
  done <"$hostler_dir/record"
  hostler_alive=
  hostler_pid=
  if { read -r hostler_pid hostler_began hostler_group <"$hostler_dir/process"; } 2>/dev/null; then
    hostler_boot
    if [ "$hostler_was" = "$hostler_boot_id" ]; then
      hostler_process "$hostler_pid"
      [ "$hostler_start" = "$hostler_began" ] && hostler_alive=1
    fi
  fi
  # Only now: a runner that ended since has left its exit status.
  { read -r hostler_exit <"$hostler_dir/exit"; } 2>/dev/null || true
  if [ -n "$hostler_exit" ]; then hostler_state=Exited
  elif [ -n "$hostler_alive" ]; then hostler_state=Running
  elif [ -z "$hostler_pid" ]; then
    hostler_boot
    if [ "$hostler_was" = "$hostler_boot_id" ]; then hostler_state=Starting; else hostler_state=Interrupted; fi
  else
    hostler_state=Interrupted
    if [ "$hostler_was" = "$hostler_boot_id" ]; then
      hostler_members "$hostler_group" "$1"
      if [ -n "$hostler_pids" ]; then hostler_state=Running; fi
    fi
  fi
}
`;

/**
 * Shell functions of every mutating script. `hostler_claim INSTALLATION SERVER LEASE TRANSITIONS MODE` takes the lock
 * and keeps it until the shell ends, refuses (by exit code) when the host is not ours to change or a job lives, and
 * writes the owner file when it must. MODE: hold · raise (another Lease's token may be overwritten) · takeover.
 *
 * The lock is flock(1) on an inherited descriptor, so it goes with the last process of the script. Where flock is
 * missing, a hard link to a file that names pid, start time and boot does the same less perfectly: two scripts that
 * find the same dead holder within the same instant may both get it.
 */
export const ownershipFunctions = `hostler_refuse() { # CODE TEXT
  printf '%s\\n' "$2" >&2
  exit "$1"
}
hostler_cannot_write() {
  if hostler_full; then hostler_refuse ${exitCodes.diskFull} "hostler: $hostler_fullness"; fi
  hostler_refuse ${exitCodes.notWritable} "cannot write below $hostler_root"
}
hostler_flush() { sync "$@" 2>/dev/null || sync; }
hostler_write() { # PATH: standard input, whole or not at all, and on disk
  if cat >"$1.$$" && hostler_flush "$1.$$" && mv -f "$1.$$" "$1"; then
    hostler_flush "\${1%/*}"
  else
    rm -f "$1.$$"
    return 1
  fi
}
hostler_try_link_lock() {
  hostler_boot
  hostler_process "$$"
  printf '%s %s %s\\n' "$$" "$hostler_start" "$hostler_boot_id" >"$hostler_root/lock.$$" || hostler_cannot_write
  if ln "$hostler_root/lock.$$" "$hostler_root/lock.held" 2>/dev/null; then
    rm -f "$hostler_root/lock.$$"
    trap 'rm -f "$hostler_root/lock.held"' EXIT
    return 0
  fi
  rm -f "$hostler_root/lock.$$"
  { read -r hostler_pid hostler_began hostler_was <"$hostler_root/lock.held"; } 2>/dev/null || return 1
  hostler_process "$hostler_pid"
  if [ "$hostler_start" != "$hostler_began" ] || [ "$hostler_was" != "$hostler_boot_id" ]; then
    mv "$hostler_root/lock.held" "$hostler_root/lock.stale.$$" 2>/dev/null && rm -f "$hostler_root/lock.stale.$$"
  fi
  return 1
}
hostler_try_lock() {
  if ! command -v flock >/dev/null 2>&1; then
    hostler_try_link_lock
    return
  fi
  exec 9>>"$hostler_root/lock"
  # The file may have been removed, with the lock held, since it was opened: then the lock is worth nothing.
  flock -n 9 && [ "$hostler_root/lock" -ef /proc/self/fd/9 ]
}
hostler_live() { # [ID]: true when a job other than ID runs
  for hostler_entry_dir in "$hostler_root"/jobs/[0-9a-f]*; do
    [ -d "$hostler_entry_dir" ] || continue
    [ "\${hostler_entry_dir##*/}" != "\${1:-}" ] || continue
    hostler_job "\${hostler_entry_dir##*/}"
    if [ "$hostler_state" = Running ]; then return 0; fi
  done
  return 1
}
hostler_refuse_live() { hostler_refuse ${exitCodes.jobRunning} "job \${hostler_dir##*/} runs"; }
hostler_unproven() { # [ID]: true while a change other than ID waits for its proof or is being taken back
  for hostler_kept in "$hostler_root"/confirm/[0-9a-f]*; do
    [ "\${hostler_kept##*/}" != "\${1:-}" ] || continue
    if [ -e "$hostler_kept/armed" ] || [ -e "$hostler_kept/rolling" ]; then
      systemctl -q is-active "hostler-confirm-\${hostler_kept##*/}.timer" && return 0
      # nothing would take it back any more: neither a timer nor a boot to come; who claims, has got in
      sh "$hostler_kept/run" 1 >/dev/null 2>&1 9>&- </dev/null || true
      # what could not be put back keeps its copies, which the next change would replace
      if [ -e "$hostler_kept/armed" ] || [ -e "$hostler_kept/rolling" ]; then return 0; fi
    fi
  done
  return 1
}
hostler_lock() { # SECONDS
  umask 077
  if [ ! -d "$hostler_root" ]; then
    mkdir -p "$hostler_root" && chmod 755 "$hostler_root" || hostler_cannot_write
  fi
  : >>"$hostler_root/lock" || hostler_cannot_write
  hostler_tries=$(($1 * 10))
  until hostler_try_lock; do
    if hostler_live "\${hostler_self:-}"; then hostler_refuse_live; fi
    if [ "$hostler_tries" -le 0 ]; then hostler_refuse ${exitCodes.lockBusy} 'the lock is held'; fi
    hostler_doze
    hostler_tries=$((hostler_tries - hostler_dozed))
  done
}
hostler_read_owner() { # sets hostler_owner to none, valid or invalid, and owner_*
  hostler_owner=none
  owner_installation= owner_server= owner_lease= owner_transitions= owner_version=
  [ -e "$hostler_root/owner" ] || [ -L "$hostler_root/owner" ] || return 0
  hostler_owner=invalid
  while IFS='=' read -r hostler_key hostler_value; do
    case $hostler_value in *[!A-Za-z0-9._-]*) return 0 ;; esac
    case $hostler_key in
      version) owner_version=$hostler_value ;;
      installation) owner_installation=$hostler_value ;;
      server) owner_server=$hostler_value ;;
      lease) owner_lease=$hostler_value ;;
      transitions) owner_transitions=$hostler_value ;;
    esac
  done <"$hostler_root/owner" || return 0
  case $owner_transitions in *[!0-9]* | '') return 0 ;; esac
  [ "\${#owner_transitions}" -le 15 ] || return 0
  if [ "$owner_version" = 1 ] && [ -n "$owner_installation" ] && [ -n "$owner_server" ] && [ -n "$owner_lease" ]; then
    hostler_owner=valid
  fi
}
hostler_judge() { # as hostler_claim: sets hostler_verdict to keep or write, or refuses
  hostler_read_owner
  hostler_verdict=write
  if [ "$hostler_owner" = none ] || [ "$5" = takeover ]; then return 0; fi
  if [ "$hostler_owner" = invalid ]; then hostler_refuse ${exitCodes.ownerUnreadable} "$hostler_root/owner is damaged"; fi
  if [ "$owner_installation" != "$1" ] || [ "$owner_server" != "$2" ]; then
    hostler_refuse ${exitCodes.ownedByAnother} "hostler-owner $owner_installation $owner_server"
  fi
  if [ "$owner_lease" != "$3" ]; then
    [ "$5" = raise ] || hostler_refuse ${exitCodes.otherLease} "token of lease $owner_lease"
  elif [ "$owner_transitions" -gt "$4" ]; then
    hostler_refuse ${exitCodes.ownershipLost} "token $owner_transitions is higher than $4"
  elif [ "$owner_transitions" -eq "$4" ]; then
    hostler_verdict=keep
  fi
}
hostler_claim() { # INSTALLATION SERVER LEASE TRANSITIONS MODE
  hostler_lock 10
  if hostler_live "\${hostler_self:-}"; then hostler_refuse_live; fi
  hostler_judge "$@"
  if hostler_unproven "\${hostler_change:-}"; then hostler_refuse ${exitCodes.unproven} 'a change is not proven yet'; fi
  if [ "$hostler_verdict" = write ]; then
    printf 'version=1\\ninstallation=%s\\nserver=%s\\nlease=%s\\ntransitions=%s\\n' "$1" "$2" "$3" "$4" |
      hostler_write "$hostler_root/owner" || hostler_cannot_write
    chmod 644 "$hostler_root/owner"
  fi
}
`;

/**
 * A mutating script: claims the host with its first five arguments, then runs `body` with the others while the lock
 * is held. The body does not inherit the lock, or a daemon that it starts would keep it for ever.
 * @param options.withInput  The body gets what follows the script on standard input; by default nothing.
 * The braces make sh read the whole text before it runs any of it: a cut upload does nothing.
 */
export function ownedScript(body: string, { withInput = false } = {}): string {
  return `{
${processFunctions}${ownershipFunctions}hostler_claim "$1" "$2" "$3" "$4" "$5"
shift 5
umask 022
set +e
(
set -eu
${body}
) 9>&- ${withInput ? '' : '</dev/null'}
hostler_code=$?
set -e
if [ "$hostler_code" -ne 0 ] && [ "$hostler_code" -lt 200 ] && hostler_full; then
  hostler_refuse ${exitCodes.diskFull} "hostler: $hostler_fullness"
fi
exit "$hostler_code"
}
`;
}
