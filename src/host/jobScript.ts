import { removeUndoUnits } from './confirmScript.ts';
import { exitCodes } from './exitCodes.ts';
import { RELEASE_HOLDS } from './providers/holds.ts';
import { REMOVE_SUDO_RULES } from './providers/sudoers.ts';
import { ownershipFunctions, processFunctions, stateDirectory } from './ownershipScript.ts';
import { recordsPrelude } from './records.ts';

/** Bytes of the log's end that are shown. */
const LOG_TAIL_BYTES = 1024;
/** What ended jobs printed, and how they ended, is kept this long: longer than anything that runs once may wait to begin. */
const LOG_DAYS = 7;
/** Removes what is older. Expects processFunctions. */
export const DROP_OLD_LOGS = `find "$hostler_root/logs" -type f -mtime +${LOG_DAYS} -exec rm -f {} + 2>/dev/null || true`;

/**
 * The text of every job's `run` file, last argument of {@link startScript}: claims the start (a second runner of the same
 * job ends at once), waits for the lock, looks under it whether the job is still wanted, runs the body, and leaves its
 * exit status. Both go into files that were laid out for them, so that a full disk cannot lose them. Ended by TERM it
 * leaves no status: Interrupted.
 * Arguments: INSTALLATION SERVER LEASE TRANSITIONS TIMEOUT-SECONDS.
 */
export const runnerText = `#!/bin/sh
set -u
umask 077
hostler_home=\${0%/*}
hostler_self=\${hostler_home##*/}
{
${processFunctions}${ownershipFunctions}
hostler_end() { # CODE
  printf '%-15s\\n' "$1" 1<>"$hostler_home/exit"
  hostler_flush "$hostler_home/exit"
}
hostler_refuse() {
  printf '%s\\n' "$2" >>"$hostler_home/log"
  hostler_end "$1"
  exit 0
}
trap 'exit 143' TERM INT
trap '' HUP
mv "$hostler_home/claim" "$hostler_home/claim.$$" 2>/dev/null || exit 0
hostler_process "$$"
printf '%-63s\\n' "$$ $hostler_start $hostler_session" 1<>"$hostler_home/claim.$$"
mv "$hostler_home/claim.$$" "$hostler_home/process" 2>/dev/null || exit 0
hostler_secret=
if [ -p "$hostler_home/secret" ]; then
  if command -v timeout >/dev/null 2>&1; then
    hostler_secret=$(timeout 30 cat "$hostler_home/secret"; printf x)
  else
    hostler_secret=$(cat "$hostler_home/secret"; printf x)
  fi
  hostler_secret=\${hostler_secret%x}
  rm -f "$hostler_home/secret"
fi
hostler_lock 60
read -r hostler_pid hostler_began _ <"$hostler_home/process" || exit 0
hostler_process "$$"
[ "$hostler_pid $hostler_began" = "$$ $hostler_start" ] || exit 0
[ ! -e "$hostler_home/abandoned" ] || exit 0
if hostler_live "$hostler_self"; then hostler_refuse ${exitCodes.jobRunning} 'another job runs'; fi
hostler_judge "$1" "$2" "$3" "$4" hold
HOSTLER_JOB=$hostler_self
HOSTLER_JOB_DIR=$hostler_home
export HOSTLER_JOB HOSTLER_JOB_DIR
hostler_body() {
  umask 022
  if timeout -k 1 1 true 2>/dev/null; then
    timeout -k 30 "$1" sh "$hostler_home/body"
  else
    sh "$hostler_home/body" &
    hostler_child=$!
    (
      sleep "$1"
      kill -TERM "$hostler_child" 2>/dev/null
      sleep 30
      kill -KILL "$hostler_child" 2>/dev/null
    ) &
    hostler_watchdog=$!
    wait "$hostler_child"
    hostler_code=$?
    kill "$hostler_watchdog" 2>/dev/null
    return "$hostler_code"
  fi
}
hostler_from=$(date +%s)
if [ -n "$hostler_secret" ]; then
  printf '%s' "$hostler_secret" | hostler_body "$5" 3<&0 </dev/null 9>&- >>"$hostler_home/log" 2>&1
else
  hostler_body "$5" 3</dev/null </dev/null 9>&- >>"$hostler_home/log" 2>&1
fi
hostler_code=$?
# Not every timeout(1) says 124.
case $hostler_code in
  137 | 143) if [ $(($(date +%s) - hostler_from)) -ge "$5" ]; then hostler_code=${exitCodes.timedOut}; fi ;;
esac
if [ "$hostler_code" -ne 0 ] && [ "$hostler_code" -lt 200 ] && [ "$hostler_code" -ne ${exitCodes.timedOut} ] && hostler_full; then
  hostler_code=${exitCodes.diskFull}
fi
hostler_end "$hostler_code"
exit 0
}
`;

/** Shell functions that report on a job, in records, after waiting for its end. */
const reportFunctions = `hostler_report() { # ID WAIT-TENTHS
  hostler_ticks=$2
  hostler_job "$1"
  # Between the start and the runner's first act there are milliseconds; longer than that it never came to life.
  if [ "$hostler_state" = Starting ] && [ "$hostler_ticks" -lt 20 ]; then hostler_ticks=20; fi
  while [ "$hostler_ticks" -gt 0 ]; do
    case $hostler_state in Running | Starting) ;; *) break ;; esac
    hostler_doze
    hostler_ticks=$((hostler_ticks - hostler_dozed))
    hostler_job "$1"
  done
  put state "$hostler_state"
  put exit "$hostler_exit"
  if [ -f "$hostler_root/jobs/$1/log" ]; then run log hostler_tail "$hostler_root/jobs/$1/log"; fi
  hostler_finish
}
hostler_tail() { # LOG: a full disk may have kept from it what is full
  tail -c ${LOG_TAIL_BYTES} "$1"
  case $hostler_exit in
    ${exitCodes.diskFull}*) if hostler_full; then printf '\\nhostler: %s\\n' "$hostler_fullness"; fi ;;
  esac
}
`;

const reportPrelude = `hostler_scope=0
${recordsPrelude}`;

/** Looks at a job. Arguments: NONCE ID WAIT-TENTHS. Without the lock: it only reads. */
export const statusScript = `{
hostler_nonce=$1
${reportPrelude}${processFunctions}${reportFunctions}
hostler_report "$2" "$3"
}
`;

/** The end of what a job printed. Arguments: ID BYTES. */
export const outputScript = `{
${processFunctions}
if [ -f "$hostler_root/jobs/$1/log" ]; then tail -c "$2" "$hostler_root/jobs/$1/log"; fi
}
`;

/**
 * Lays out a job and starts it, unless it is there already, then reports.
 * Arguments: NONCE INSTALLATION SERVER LEASE TRANSITIONS MODE · ID CHANGE ATTEMPT TIMEOUT-SECONDS SHA256 SECRET(0|1)
 * WAIT-TENTHS BODY RUNNER ONCE(0|1).
 */
export const startScript = `{
hostler_nonce=$1
shift
${reportPrelude}${processFunctions}${ownershipFunctions}${reportFunctions}
hostler_self=$6
hostler_job "$6"
case $hostler_state in
  Running | Exited | Interrupted)
    hostler_report "$6" "\${12}"
    exit 0
    ;;
esac
hostler_claim "$1" "$2" "$3" "$4" "$5"
hostler_jobs=$hostler_root/jobs
hostler_job "$6"
# It ran, though whoever asks does not know it, as after a restore of a backup.
if [ "\${15}" = 1 ] && [ "$hostler_state" = Absent ] && [ -f "$hostler_root/logs/$6.exit" ]; then
  read -r hostler_exit <"$hostler_root/logs/$6.exit" || true
  put state Consumed
  put exit "$hostler_exit"
  hostler_finish
  exit 0
fi
if [ "$hostler_state" = Absent ] || [ "$hostler_state" = Starting ]; then
  mkdir -p "$hostler_jobs" || hostler_cannot_write
  rm -rf "$hostler_jobs"/.new-*
  # A start that was cut off before its runner lived must not come to life beside this one.
  for hostler_other in "$hostler_jobs"/[0-9a-f]*; do
    if [ -d "$hostler_other" ] && [ ! -e "$hostler_other/process" ] && [ "\${hostler_other##*/}" != "$6" ]; then
      : >"$hostler_other/abandoned"
    fi
  done
  rm -rf "$hostler_jobs/$6"
  hostler_new=$hostler_jobs/.new-$6
  hostler_boot
  {
    mkdir "$hostler_new" &&
      printf '%s' "\${13}" >"$hostler_new/body" &&
      printf 'change=%s\\nattempt=%s\\nserver=%s\\nboot=%s\\n' "$7" "$8" "$2" "$hostler_boot_id" >"$hostler_new/record" &&
      printf '%-15s\\n' '' >"$hostler_new/exit" &&
      printf '%-63s\\n' '' >"$hostler_new/claim" &&
      printf '%s' "\${14}" >"$hostler_new/run" &&
      : >"$hostler_new/log"
  } || hostler_cannot_write
  hostler_sum=$(sha256sum "$hostler_new/body")
  if [ "\${hostler_sum%% *}" != "\${10}" ]; then hostler_refuse ${exitCodes.uploadDamaged} 'the upload is damaged'; fi
  if [ "\${11}" = 1 ]; then mkfifo "$hostler_new/secret" || hostler_cannot_write; fi
  hostler_flush "$hostler_new/body" "$hostler_new/record" "$hostler_new/exit" "$hostler_new/claim" "$hostler_new/run"
  mv "$hostler_new" "$hostler_jobs/$6"
  hostler_flush "$hostler_jobs"
  hostler_started=
  if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1; then
    # --collect: the exit file has the status, so that a runner that was killed leaves no failed unit behind.
    if systemd-run --quiet --collect --unit="hostler-$6" --description="Hostler: $7" --property=KillMode=control-group \\
      --property=TimeoutStopSec=40 --setenv=HOME=/root --setenv="PATH=$PATH" --setenv=LC_ALL=C.UTF-8 \\
      /bin/sh "$hostler_jobs/$6/run" "$1" "$2" "$3" "$4" "$9" 3<&- 9>&-; then hostler_started=1; fi
  fi
  if [ -z "$hostler_started" ]; then
    hostler_detach=
    if command -v setsid >/dev/null 2>&1; then hostler_detach=setsid; fi
    (
      trap '' HUP
      exec env HOME=/root LC_ALL=C.UTF-8 $hostler_detach sh "$hostler_jobs/$6/run" "$1" "$2" "$3" "$4" "$9"
    ) </dev/null >/dev/null 2>&1 3<&- 9>&- &
  fi
  # The lock is kept until the runner has made itself known: from then on the job counts as running.
  hostler_tries=100
  while [ ! -e "$hostler_jobs/$6/process" ] && [ "$hostler_tries" -gt 0 ]; do
    hostler_doze
    hostler_tries=$((hostler_tries - hostler_dozed))
  done
  if [ "\${11}" = 1 ]; then
    if command -v timeout >/dev/null 2>&1; then
      timeout 30 sh -c 'cat >"$1"' sh "$hostler_jobs/$6/secret" <&3 || true
    else
      cat <&3 >"$hostler_jobs/$6/secret"
    fi
  fi
fi
exec 9>&-
rm -f "$hostler_root/lock.held"
trap - EXIT
hostler_report "$6" "\${12}"
}
`;

/**
 * Removes the record of a job that does not run; its log and its exit status, or that it has none, are kept for a week.
 * Runs inside ownedScript. Argument: ID.
 */
export const consumeBody = `
hostler_job "$1"
if [ "$hostler_state" = Running ]; then exit ${exitCodes.jobRunning}; fi
if [ -d "$hostler_root/jobs/$1" ]; then
  umask 077
  mkdir -p "$hostler_root/logs"
  ${DROP_OLD_LOGS}
  hostler_log=$hostler_root/logs/$1.log
  if [ -s "$hostler_root/jobs/$1/log" ]; then
    # which change it was of; without room for that the log goes without
    if { sed -n 's/^change=/# /p' "$hostler_root/jobs/$1/record" && cat "$hostler_root/jobs/$1/log"; } >"$hostler_log.part" 2>/dev/null; then
      touch -r "$hostler_root/jobs/$1/log" "$hostler_log.part"
      mv -f "$hostler_log.part" "$hostler_log"
    else
      rm -f "$hostler_log.part"
      mv -f "$hostler_root/jobs/$1/log" "$hostler_log"
    fi
  fi
  # a link takes no room, and the file has its time of the job's end
  if [ -e "$hostler_root/jobs/$1/exit" ]; then
    ln -f "$hostler_root/jobs/$1/exit" "$hostler_root/logs/$1.exit" 2>/dev/null || cp -p "$hostler_root/jobs/$1/exit" "$hostler_root/logs/$1.exit"
  elif [ ! -e "$hostler_root/logs/$1.exit" ]; then
    : >"$hostler_root/logs/$1.exit" # that it ran, at least
  fi
  hostler_flush "$hostler_root/logs"
  # at one stroke: what is left of a removal that was cut off could look like a job that never ran
  mv "$hostler_root/jobs/$1" "$hostler_root/jobs/.old-$1.$$"
  rm -rf "$hostler_root"/jobs/.old-*
fi
`;

/**
 * Ends a job whose runner holds the lock, so without the lock: only the owner's own file is compared.
 * Arguments: INSTALLATION SERVER LEASE TRANSITIONS MODE ID GRACE-SECONDS.
 */
export const cancelScript = `{
${processFunctions}${ownershipFunctions}
hostler_judge "$1" "$2" "$3" "$4" "$5"
hostler_end_all() { # SIGNAL SECONDS: sends SIGNAL until nothing of the job is left
  hostler_until=$(($(date +%s) + $2))
  while [ "$(date +%s)" -lt "$hostler_until" ]; do
    hostler_job "$hostler_target"
    [ "$hostler_state" = Running ] || return 0
    hostler_members "$hostler_group" "$hostler_target"
    kill "-$1" "$hostler_pid" $hostler_pids 2>/dev/null || true
    hostler_doze
  done
}
hostler_target=$6
hostler_job "$6"
if [ "$hostler_state" = Running ]; then
  if [ -d /run/systemd/system ]; then
    systemctl stop --no-block "hostler-$6.service" >/dev/null 2>&1 || true
  fi
  hostler_end_all TERM "$7"
  hostler_end_all KILL 10
fi
}
`;

/**
 * Removes everything Hostler put on the host. Runs inside ownedScript, with the lock held: the lock goes last. Before it
 * the sudo rules, without which a removal that was cut off could not be gone on with.
 */
export const removeAgentBody = `
${RELEASE_HOLDS}${removeUndoUnits}for entry in ${stateDirectory}/* ${stateDirectory}/.[!.]*; do
  if [ "$entry" != "${stateDirectory}/lock" ]; then rm -rf "$entry"; fi
done${REMOVE_SUDO_RULES}rm -rf "${stateDirectory}"
`;

/** Drops the records of all jobs. Runs inside ownedScript, which made sure that none lives. */
export const dropResultsBody = `
rm -rf "${stateDirectory}/jobs"
`;
