/**
 * Shell functions that work on one service under systemd, OpenRC or SysV init, whichever runs.
 * `service_start NAME` (waits until it is up), `service_restart`, `service_reload`, `service_enable`, `service_active`,
 * `service_idle` (neither up nor on the way up or down), `service_log` (its last lines). Each returns the init system's
 * verdict.
 */
export const SERVICE = `
if [ -d /run/systemd/system ]; then
  service_active() { systemctl is-active -q "$1.service"; }
  service_idle() {
    case $(systemctl is-active "$1.service" 2>/dev/null) in active | reloading | activating | deactivating) return 1 ;; esac
  }
  # to enable again what is enabled costs the run of all SysV links
  service_enable() {
    [ "$(systemctl is-enabled "$1.service" 2>/dev/null)" = enabled ] || systemctl enable -q "$1.service" 2>&1
  }
  # a start limit that was hit before must not refuse this start
  service_start() { systemctl reset-failed "$1.service" 2>/dev/null || :; systemctl start "$1.service" >&2; }
  service_restart() { systemctl reset-failed "$1.service" 2>/dev/null || :; systemctl restart "$1.service" >&2; }
  service_reload() { systemctl reload "$1.service" >&2; }
  # what the service itself said, not what systemd says about it
  service_log() { journalctl "_SYSTEMD_UNIT=$1.service" -n 3 --no-pager -o cat 2>/dev/null; }
elif command -v rc-service >/dev/null 2>&1; then
  service_active() { rc-service -q "$1" status >/dev/null 2>&1; }
  service_idle() { ! service_active "$1"; }
  service_enable() { rc-update -q add "$1" default; }
  service_start() { rc-service "$1" start >&2; }
  service_restart() { rc-service "$1" restart >&2; }
  service_reload() { pkill -HUP -x "$1"d; }
  service_log() { tail -n 6 "/var/log/$1.log" 2>/dev/null; }
else
  service_active() { [ -x "/etc/init.d/$1" ] && "/etc/init.d/$1" status >/dev/null 2>&1; }
  service_idle() { ! service_active "$1"; }
  service_enable() {
    if command -v update-rc.d >/dev/null 2>&1; then update-rc.d "$1" defaults; else chkconfig "$1" on; fi
  }
  service_start() { "/etc/init.d/$1" start >&2; }
  service_restart() { "/etc/init.d/$1" restart >&2; }
  service_reload() { pkill -HUP -x "$1"d; }
  service_log() { tail -n 6 "/var/log/$1.log" 2>/dev/null; }
fi
`;
