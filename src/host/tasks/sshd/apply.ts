import { TerminalError, type ReconcileError } from '../../../lib/errors.ts';
import { exitCodes } from '../../exitCodes.ts';
import { FAIL } from '../../providers/apt.ts';
import type { Change, FailedRun, NamedChange, ProvisionalAction } from '../../task.ts';
import { textOf } from '../params.ts';
import { socketDropIn } from './facts.ts';
import { DROP_IN, MAIN_FILE } from './settings.ts';

const SCRIPT_SECONDS = 40;
/** The change takes a second or two, a login through jump hosts a few; the rest is for hosts that are slow. */
const CONFIRM_SECONDS = 60;

/** `sshd_activate` makes sshd read its files, however it runs; logins that are open stay. */
const ACTIVATE = `
sshd_unit() { # VERB TYPE: the unit of that type for which systemctl VERB holds
  for name in ssh sshd; do
    if systemctl -q "$1" "$name.$2" 2>/dev/null; then
      printf '%s' "$name.$2"
      return 0
    fi
  done
}
sshd_activate() {
  socket=$(sshd_unit is-active socket)
  service=$(sshd_unit is-active service)
  if [ -z "$socket" ] && [ -n "$service" ]; then
    systemctl reload "$service" >&2
    return
  fi
  if [ -z "$socket" ]; then socket=$(sshd_unit is-enabled socket); fi
  if [ -n "$socket" ]; then
    systemctl daemon-reload
    # a service that runs keeps its sockets, so that the unit could not open them anew
    if [ -n "$service" ]; then systemctl stop "$service"; fi
    systemctl reset-failed "$socket" 2>/dev/null || :
    systemctl restart "$socket" >&2 || return 1
    # not left to the next login: /run/sshd, without which sshd -T refuses, is there while the service runs
    if [ -n "$service" ]; then systemctl start "$service" >&2; fi
    return
  fi
  service=$(sshd_unit is-enabled service)
  systemctl reset-failed "$service" 2>/dev/null || :
  systemctl start "$service" >&2
}
`;

/** Arguments: CONTENT INCLUDE(yes|no) UNIT LISTEN PORTS. */
const CONFIGURE = `${FAIL}${ACTIVATE}
content=$1 include=$2 unit=$3 listen=$4 ports=$5
place() { # PATH: standard input, whole or not at all, with the mode of the file that was there
  target=$(readlink -m "$1")
  mkdir -p "\${target%/*}"
  # nobody else reads it before it has the mode of the file that it replaces, nor what a cut left there
  rm -f "$target.hostler-new"
  (umask 077 && cat >"$target.hostler-new")
  if [ -e "$target" ]; then
    chown --reference="$target" "$target.hostler-new"
    chmod --reference="$target" "$target.hostler-new"
  else
    chmod 0644 "$target.hostler-new"
  fi
  sync "$target.hostler-new" 2>/dev/null || sync
  mv "$target.hostler-new" "$target"
  sync "\${target%/*}" 2>/dev/null || sync
}
log() { journalctl -u ssh.service -u sshd.service -u ssh.socket -u sshd.socket -n 3 --no-pager -o cat 2>/dev/null; }
printf '%s' "$content" | place ${DROP_IN}
if [ "$include" = yes ]; then { echo 'Include ${DROP_IN}'; cat ${MAIN_FILE}; } | place ${MAIN_FILE}; fi
if [ -n "$listen" ]; then printf '%s' "$listen" | place "/etc/systemd/system/$unit.d/zz-hostler.conf"; fi
sshd=$(command -v sshd || echo /usr/sbin/sshd)
problem=$("$sshd" -t 2>&1) || fail ${exitCodes.configRejected} "$(printf '%s' "$problem" | tail -n 3)"
sshd_activate || fail ${exitCodes.configRejected} "$(log)"
command -v ss >/dev/null 2>&1 || exit 0
for port in $ports; do
  tries=50
  while [ -z "$(ss -H -l -t -n "( sport = :$port )")" ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail ${exitCodes.configRejected} "sshd does not listen on port $port: $(log)"
    sleep 0.1
  done
done
`;

const ROLLBACK = `${ACTIVATE}
sshd_activate
`;

/** The files, and sshd that reads them. */
export function applySshd({ params }: Change): ProvisionalAction {
  const unit = textOf(params['unit']);
  const listen = textOf(params['listen']);
  const include = params['include'] === true;
  return {
    kind: 'provisional',
    script: {
      name: 'sshd/config',
      text: CONFIGURE,
      args: [textOf(params['content']), include ? 'yes' : 'no', unit, listen, textOf(params['ports'])],
    },
    files: [DROP_IN, ...(include ? [MAIN_FILE] : []), ...(listen === '' ? [] : [socketDropIn(unit)])],
    rollback: { name: 'sshd/rollback', text: ROLLBACK },
    timeoutSeconds: SCRIPT_SECONDS,
    confirmSeconds: CONFIRM_SECONDS,
  };
}

/** Sshd's own refusal: it goes on with the previous configuration, since the change was taken back. */
export function explainSshd(_change: NamedChange, { exitCode, stderr }: FailedRun): ReconcileError | undefined {
  if (exitCode !== exitCodes.configRejected) return undefined;
  const said = stderr.split('\n').findLast((line) => line.startsWith('hostler: '));
  const why = said?.slice('hostler: '.length).trim();
  return new TerminalError('ConfigRejected', `sshd refuses spec.hardening.sshd: ${why ?? 'see its log.'}`, {
    remedy: 'Correct the field or the host; the previous configuration is in force again.',
  });
}
