#!/bin/sh
# Runs one test host until it powers off: $1 machine, $2 cgroup, $3 host directory, $4 bridge.
# The process that starts this one puts it into a session of its own.
set -u
machine=$1 cgroup=$2 directory=$3 bridge=$4
mkdir -p "$cgroup" && echo $$ >"$cgroup/cgroup.procs" || exit 1
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
while :; do
  # CAP_SYS_TIME: the clock in a host is the machine's clock.
  systemd-nspawn --quiet --keep-unit --register=no --settings=no --boot \
    --directory="$directory/root" --machine="$machine" --network-bridge="$bridge" \
    --capability=all --drop-capability=CAP_SYS_TIME --system-call-filter=@known --private-users=no \
    --resolv-conf=off --timezone=off --link-journal=no \
    --bind="$directory/docker:/var/lib/docker" --bind="$directory/containerd:/var/lib/containerd" \
    </dev/null >>"$directory/console.log" 2>&1
  code=$?
  echo "$code" >"$directory/exit-code"
  # 133 means that the host asked for a reboot. Source: systemd-nspawn(1), "Exit status".
  [ "$code" -eq 133 ] || exit "$code"
done
