import { exitCodes } from '../../exitCodes.ts';
import { APT, FAIL, ownSource } from '../../providers/apt.ts';
import { bundlesDirectory } from '../../transfer.ts';
import { SERVICE } from '../../providers/service.ts';

/** Says, while it is there, that the engine was downgraded and did not run since. */
export const downgradeRecord = '/var/lib/hostler/docker-downgrade';
/** Where a repository's key is while it is tried. */
const tried = { key: ownSource.key.replace(/\.asc$/, '-new.asc') };

/**
 * - `docker_info FIELD` asks the running daemon.
 * - `as_announced DISRUPTION` ends the script where a start or restart would do more to containers than the plan said.
 * - `validates`: the daemon can check a file; `validate FILE` has it checked and prints what is wrong.
 * - `would_start` ends the script where a daemon that runs would not come up again from a restart.
 * - `docker_start`, `docker_restart`: the daemon has read daemon.json after them, so nothing of that is left to do.
 * - `not_running` ends the script and says why.
 */
const DOCKER = `
marker=/var/lib/hostler/docker-activate
docker_info() { timeout 10 docker -H unix:///run/docker.sock info --format "{{.$1}}" 2>/dev/null; }
as_announced() {
  case $1 in
  RestartContainers) ;;
  RestartService)
    [ "$(docker_info LiveRestoreEnabled)" = true ] ||
      fail ${exitCodes.changedMeanwhile} 'live-restore is not in force any more, so a restart would stop containers.'
    ;;
  *)
    # only a daemon that is up is asked: the socket would start it
    service_idle docker || [ "$(docker_info ContainersRunning)" = 0 ] ||
      fail ${exitCodes.changedMeanwhile} 'Docker did not run when this was planned; by now it does, and a restart would stop containers.'
    ;;
  esac
}
docker_start() { service_start docker && rm -f "$marker"; }
docker_restart() { service_restart docker && rm -f "$marker"; }
# with the options that it runs with, since it refuses a key that is one of them too
checked_by_daemon() {
  pid=$(cat /run/docker.pid 2>/dev/null) || pid=none
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then
    file=$1 xargs -0 sh -c 'exec "$0" "$@" --validate --config-file "$file"' <"/proc/$pid/cmdline"
  else
    dockerd --validate --config-file "$1"
  fi
}
validate() {
  code=0
  answer=$(checked_by_daemon "$1" 2>&1) || code=$?
  printf '%s' "$answer" | tail -n 3
  return "$code"
}
validates() { command -v dockerd >/dev/null 2>&1 && dockerd --help 2>/dev/null | grep -q -e --validate; }
daemon_problem() {
  file=\${1:-/etc/docker/daemon.json}
  if [ -e "$file" ] && validates && ! problem=$(validate "$file"); then printf '%s' "$problem"; else service_log docker; fi
}
would_start() {
  if [ ! -e /etc/docker/daemon.json ] || ! service_active docker || ! validates; then return 0; fi
  problem=$(validate /etc/docker/daemon.json) ||
    fail ${exitCodes.configInvalid} "Docker runs on, but would not start again with /etc/docker/daemon.json: $problem"
}
# written before a downgrade: FROM, TO, and once the older daemon failed to start, why
downgraded=${downgradeRecord}
running_again() { rm -f "$downgraded"; }
not_running() {
  problem=$(daemon_problem)
  if [ -f "$downgraded" ] && dpkg-query -W -f '\${Version}\n' docker-ce docker.io 2>/dev/null | grep -qxF -e "$(sed -n 2p "$downgraded")"; then
    { head -n 2 "$downgraded"; printf '%s\\n' "$problem"; } >"$downgraded.new"
    mv "$downgraded.new" "$downgraded"
    fail ${exitCodes.downgradeFailed} "$problem"
  fi
  if validates && ! dockerd --validate >/dev/null 2>&1; then fail ${exitCodes.configRejected} "$problem"; fi
  fail ${exitCodes.notRunning} "$problem"
}
`;

/**
 * Adds a repository, or with an empty line removes Hostler's entry. An entry is tried on its own before it takes the
 * place of another: one that cannot be fetched, or whose signature the key does not fit, changes nothing, so that apt
 * keeps working for everybody else, and from the previous entry.
 * Arguments: LINE KEY URI SUITE PACKAGE (what it must offer).
 */
export const REPOSITORY = `${FAIL}${APT}
line=$1 key=$2 uri=$3 suite=$4 package=$5
list=${ownSource.list}
if [ -z "$line" ]; then
  rm -f "$list" ${ownSource.key}
  exit 0
fi
apt_wait
case $uri in
https:*)
  if [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then
    apt_begin
    apt_refresh || { apt_explain; fail ${exitCodes.repositoryUnavailable} 'ca-certificates is missing and the package lists cannot be fetched.'; }
    apt_get --no-remove install ca-certificates || { apt_explain; exit 1; }
  fi
  ;;
esac
[ -d /etc/apt/keyrings ] || mkdir -m 0755 /etc/apt/keyrings
# apt reads neither by itself, but the key as a user of its own, and by its name as armored
new_list=$state/docker.list new_key=${tried.key}
trap 'rm -f "$new_list" "$new_key" "$list.hostler-new"; apt_end' EXIT
write() {
  rm -f "$1"
  printf '%s\\n' "$2" >"$1"
  chmod 0644 "$1"
  sync "$1" 2>/dev/null || sync
}
write "$new_key" "$key"
write "$new_list" "$(printf '%s' "$line" | sed 's|signed-by=${ownSource.key}|signed-by=${tried.key}|')"
alone() { "$@" -o Dir::Etc::sourcelist="$new_list" -o Dir::Etc::sourceparts=-; }
# with another key apt keeps what it fetched before and says so
offered() {
  if grep -E '^Err:[0-9]+ ' "$apt_log" | grep -qF -e " $uri $suite "; then return 1; fi
  alone apt-cache policy "$package" | grep -qF -e " $uri $suite/"
}
# the first time everything, since the engine needs packages of the distribution too
[ -n "$(find "$apt_stamp" -mmin -1440 2>/dev/null)" ] || apt_refresh || :
alone apt_refresh -o APT::Get::List-Cleanup=0 || :
if ! offered; then
  apt_explain
  reason=$(grep -E '^(E|W|Err)' "$apt_log" | grep -F -e "$uri" | head -n 2 | cut -c 1-300)
  fail ${exitCodes.repositoryUnavailable} "$uri $suite: \${reason:-it offers no $package for this system.}"
fi
write "$list.hostler-new" "$line"
mv "$new_key" ${ownSource.key}
mv "$list.hostler-new" "$list"
`;

/** Fetches the package lists. Arguments: PACKAGE that is looked for: other people's broken repositories do not matter then. */
export const PACKAGE_LISTS = `${FAIL}${APT}
apt_refresh && exit 0
apt_explain
problem=$(grep -E '^(E|W|Err)' "$apt_log" | head -n 2 | cut -c 1-300)
if apt-cache policy "$1" | grep -qE '^ +Candidate: [0-9]'; then
  touch "$apt_stamp"
  exit 0
fi
fail ${exitCodes.repositoryUnavailable} "$problem"
`;

/**
 * Shell functions that move packages, from a bundle alone where `$bundle` names one; `$newer` allows a downgrade.
 * `packages_begin`, `lift PACKAGE[=VERSION]…` (Hostler's own holds, which come back if the script fails),
 * `packages_install PACKAGE[=VERSION]…`, `packages_hold PACKAGE[=VERSION]…` (sets those of `$hold_names` instead).
 */
const PACKAGES = `
packages_begin() {
  if [ -n "$bundle" ]; then
    export APT_CONFIG="${bundlesDirectory}/$bundle/apt.conf"
    [ -e "$APT_CONFIG" ] || fail ${exitCodes.changedMeanwhile} 'the bundle is not on the host any more.'
  fi
  apt_begin
}
was_up=no
if service_active docker; then was_up=yes; fi
# what apt stopped and then failed to replace
revive() {
  if [ "$was_up" = no ] || service_active docker; then return 0; fi
  if docker_start; then aftermath='Docker had been stopped for it and runs again. '; else aftermath='Docker does not run any more. '; fi
}
lifted=
restore() {
  for name in $lifted; do apt-mark hold "$name" >&2 || :; done
  apt_end
}
lift() {
  trap restore EXIT
  for spec do
    name=\${spec%%=*}
    if own_hold "$name" && held "$name"; then
      lifted="$lifted $name"
      apt-mark unhold "$name" >&2
    fi
  done
}
offered() {
  for spec do
    case $spec in
    *=*) apt-cache madison "\${spec%%=*}" | grep -qF -e " \${spec#*=} " || return 1 ;;
    esac
  done
}
apt_install() { apt_get --no-remove --no-install-recommends \${newer:+--allow-downgrades} install "$@"; }
packages_install() {
  apt_install "$@" && return 0
  revive
  apt_explain
  if [ -z "$bundle" ] && grep -qE "was not found|Unable to locate package|(Failed|Unable) to fetch" "$apt_log"; then
    # the mirror has moved on since the lists were fetched
    apt_refresh || apt_explain
    offered "$@" || fail ${exitCodes.versionNotAvailable} "$* is not offered any more."
    apt_install "$@" && return 0
    revive
    apt_explain
  fi
  if grep -qE '^E: (Failed|Unable) to fetch' "$apt_log"; then
    fail ${exitCodes.repositoryUnavailable} "$(grep -E '^E: (Failed|Unable) to fetch' "$apt_log" | head -n 2 | cut -c 1-300)"
  fi
  if ! service_active docker && validates && ! dockerd --validate >/dev/null 2>&1; then
    fail ${exitCodes.configRejected} "$(daemon_problem)"
  fi
  problem=$(grep -E '^(E|dpkg): ' "$apt_log" | head -n 3 | cut -c 1-300)
  fail 1 "\${problem:-apt-get did not come to its end.}"
}
packages_hold() {
  if [ -n "$hold_names" ]; then hold $hold_names; else for spec do unhold "\${spec%%=*}"; done; fi
  lifted=
}
`;

/**
 * Unholds, installs and holds the engine in one step, then sees to it that what was installed is what runs.
 * Arguments: DISRUPTION (as announced) NEWER (the version that a downgrade goes back from) HOLD (names, space-separated;
 * empty: no hold) BUNDLE (SHA-256 of the one that everything comes from) PACKAGE[=VERSION]…
 */
export const PACKAGE = `${FAIL}${APT}${SERVICE}${DOCKER}${PACKAGES}
disruption=$1 newer=$2 hold_names=$3 bundle=$4
shift 4
[ "$#" -gt 0 ] || fail ${exitCodes.versionNotAvailable} 'the version was not resolved yet.'
apt_wait
as_announced "$disruption"
would_start
packages_begin
lift "$@"
if ! command -v dockerd >/dev/null 2>&1; then
  # of what is only recommended, what the engine calls; needrestart and git are nobody's wish
  for name in ca-certificates xz-utils apparmor; do
    case $name in apparmor) [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] || continue ;; esac
    [ "$(dpkg-query -W -f '\${db:Status-Status}' "$name" 2>/dev/null)" = installed ] && continue
    if apt-cache policy "$name" | grep -q '^  Candidate: [0-9]'; then set -- "$@" "$name"; fi
  done
fi
running_again
if [ -n "$newer" ]; then printf '%s\\n' "$newer" "\${1#*=}" >"$downgraded"; fi
packages_install "$@"
packages_hold "$@"
service_enable docker
service_active docker || docker_start || not_running
running=$(docker_info ServerVersion) || running=
# no answer is no reason to stop containers: the next look will tell
case "$running:$(dockerd --version)" in
:* | *" $running,"*) ;;
*)
  as_announced "$disruption"
  docker_restart || not_running
  ;;
esac
running_again
`;

/**
 * Installs what goes with an engine that is there, which stays as it is and goes on undisturbed, also where it is older
 * than its package. Arguments: ENGINE=VERSION (as it is installed) HOLD BUNDLE PACKAGE=VERSION…
 */
export const CLIENT = `${FAIL}${APT}${SERVICE}${DOCKER}${PACKAGES}
engine=$1 newer='' hold_names=$2 bundle=$3
shift 3
[ "$(dpkg-query -W -f '\${Version}' "\${engine%%=*}" 2>/dev/null)" = "\${engine#*=}" ] ||
  fail ${exitCodes.changedMeanwhile} 'the engine was replaced by somebody else.'
packages_begin
lift "$@"
# named, so that nothing which these packages ask for can bring another
packages_install "$engine" "$@"
packages_hold "$@"
`;

/** Brings to its end what was cut off; what stays broken is named. */
export const FINISH = `${FAIL}${APT}
apt_begin
`;

/** Arguments: VERB (hold or unhold) PACKAGE… */
export const HOLD = `${FAIL}${APT}
verb=$1
shift
apt_wait
if [ "$verb" = hold ]; then hold "$@"; else unhold "$@"; fi
`;

/** Starts the engine, now and at boot. */
export const START = `${FAIL}${SERVICE}${DOCKER}
service_enable docker
service_active docker || docker_start || not_running
running_again
`;

/** Seconds that a daemon on its way up or down is waited for; it then still is, and says itself why. */
const SETTLE_SECONDS = 60;

/** Waits until the daemon is up or down, and does nothing about it: what is to do depends on which. */
export const SETTLE = `${FAIL}${SERVICE}
waited=0
until service_active docker || service_idle docker; do
  [ "$waited" -lt ${SETTLE_SECONDS} ] ||
    fail ${exitCodes.notRunning} "Docker is neither up nor down after ${SETTLE_SECONDS} seconds; once it is stopped (systemctl stop docker), Hostler goes on. Its log: $(service_log docker)"
  sleep 1
  waited=$((waited + 1))
done
`;

/**
 * How a running daemon is told. `activate MODE`: MODE reload, restart or none (it did not run when this was planned; if
 * it does by now, a restart is left to do). The marker outlives an interruption, so that the next look finds what is
 * still to do.
 */
const ACTIVATE = `
# a daemon that started since has read the file
if [ /run/docker.pid -nt "$marker" ]; then rm -f "$marker"; fi
# the need of a restart outlives a reload
reloaded() { grep -qx restart "$marker" 2>/dev/null || rm -f "$marker"; }
activate() {
  if service_idle docker; then rm -f "$marker"; return 0; fi
  case $1 in
  none) printf 'restart\\n' >"$marker" ;;
  reload)
    service_active docker || fail ${exitCodes.changedMeanwhile} 'Docker does not run any more, or not yet.'
    service_reload docker || return 1
    # the daemon answers before it has read the file
    sleep 1
    reloaded
    ;;
  restart) docker_restart ;;
  esac
}
`;

/** Tells the daemon about a file that is in place already, or restarts it. Arguments: MODE DISRUPTION (as announced). */
export const ACTIVATE_ONLY = `${FAIL}${SERVICE}${DOCKER}${ACTIVATE}
if [ "$1" = restart ]; then
  as_announced "$2"
  would_start
fi
activate "$1" || not_running
running_again
`;

/**
 * Puts a whole daemon.json in place: checked by the daemon itself first where it can, the old file kept, and put back
 * when the daemon does not start with the new one. The content comes through descriptor 3.
 * Arguments: FROM (digest that the content was computed from, or "absent") TO (digest of the content) MODE DISRUPTION.
 */
export const DAEMON_CONFIG = `${FAIL}${SERVICE}${DOCKER}${ACTIVATE}
from=$1 to=$2 mode=$3
target=/etc/docker/daemon.json
if [ -L "$target" ]; then target=$(readlink -f "$target"); fi
[ -d /etc/docker ] || mkdir -p -m 0755 /etc/docker
state=/var/lib/hostler
[ -d "$state" ] || mkdir -m 0700 "$state"
digest() { if [ -e "$1" ]; then sha256sum <"$1" | cut -c 1-64; else echo absent; fi; }
found=$(digest "$target")
[ "$found" = "$from" ] || [ "$found" = "$to" ] ||
  fail ${exitCodes.changedMeanwhile} '/etc/docker/daemon.json was changed by somebody else.'
if [ "$mode" != reload ]; then as_announced "$4"; fi
backup='' replaced=no
if [ "$found" != "$to" ]; then
  new=$target.hostler-new
  trap 'rm -f "$new"' EXIT
  # nobody else reads it before it has the mode of the file that it replaces, nor what a cut left there
  rm -f "$new"
  (umask 077 && cat <&3 >"$new")
  [ "$(digest "$new")" = "$to" ] || fail ${exitCodes.changedMeanwhile} 'the new daemon.json did not arrive whole.'
  if [ -e "$target" ]; then
    chown --reference="$target" "$new"
    chmod --reference="$target" "$new"
  else
    chmod 0644 "$new"
  fi
  if validates; then problem=$(validate "$new") || fail ${exitCodes.configRejected} "$problem"; fi
  if [ -e "$target" ]; then
    [ -d "$state/backup" ] || mkdir -m 0700 "$state/backup"
    backup=$state/backup/daemon.json.$(date -u +%Y%m%dT%H%M%SZ)
    cp -p "$target" "$backup"
    # the five newest stay, by their names: they keep the times of the files that they were
    ls -r "$state/backup" | grep '^daemon\\.json\\.' | tail -n +6 | while read -r old; do rm -f "$state/backup/$old"; done
  fi
  sync "$new" 2>/dev/null || sync
  if [ "$mode" = restart ] || { [ "$mode" = reload ] && [ ! -e "$marker" ]; }; then printf '%s\\n' "$mode" >"$marker"; fi
  mv "$new" "$target"
  replaced=yes
  sync /etc/docker 2>/dev/null || sync
elif [ "$mode" = restart ]; then
  would_start
fi
if activate "$mode"; then exit 0; fi
# not what somebody else put there
[ "$replaced" = yes ] || not_running
problem=$(daemon_problem "$target")
if [ -n "$backup" ]; then cp -p "$backup" "$target.hostler-new" && mv "$target.hostler-new" "$target"; else rm -f "$target"; fi
if [ "$mode" = restart ]; then rm -f "$marker"; else reloaded; fi
service_active docker || docker_start ||
  fail ${exitCodes.notRunning} "not even with the previous daemon.json: $(service_log docker) With the new one: $problem"
fail ${exitCodes.configRejected} "Docker runs again, with the previous daemon.json. With the new one: $problem"
`;
