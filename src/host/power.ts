import { randomBytes } from 'node:crypto';
import type { Session } from '../ssh/session.ts';
import { exitCodes } from './exitCodes.ts';
import { explainFailure } from './failures.ts';
import type { HostFacts } from './facts.ts';
import { DROP_OLD_LOGS } from './jobScript.ts';
import { claimArgs, runClaimed, type Claim } from './ownership.ts';
import { ownedScript } from './ownershipScript.ts';
import { parseRecords, recordsPrelude, type Records } from './records.ts';

const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
const UNITS_LIMIT = 100;
const CONTAINERS_LIMIT = 500;

/** One container that the engine brings back by itself after a start. */
interface LastingContainer {
  name: string;
  running: boolean;
  /** Of its health check; absent: it has none. */
  health?: 'starting' | 'healthy' | 'unhealthy';
}

/** How whole a host is. */
export interface Standing {
  /** Services are still being started. */
  starting: boolean;
  failedUnits: string[];
  /** Undefined: the engine does not answer, or there is none. */
  containers: LastingContainer[] | undefined;
}

/** Only containers whose restart policy the engine honours when it starts. */
const standingScript = `{
hostler_nonce=$1
hostler_scope=0
${recordsPrelude}
if [ -d /run/systemd/system ]; then
  run system systemctl is-system-running
  put failed "$(systemctl list-units --state=failed --plain --no-legend --no-pager 2>/dev/null | awk '{ print $1 }')"
fi
if command -v docker >/dev/null 2>&1; then
  list() { timeout 30 docker -H unix:///run/docker.sock ps --all --quiet; }
  show() {
    timeout 30 docker -H unix:///run/docker.sock inspect --format \
      '{{.HostConfig.RestartPolicy.Name}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.Name}}' "$@"
  }
  if ids=$(list 2>/dev/null); then
    if [ -n "$ids" ]; then run containers show $ids; else put containers ''; fi
  fi
fi
hostler_finish
}
`;

/** Looks how whole the host is; reads only. */
export async function standing(session: Session, signal?: AbortSignal): Promise<Standing> {
  const nonce = randomBytes(16).toString('hex');
  const script = { name: 'standing', text: standingScript, args: [nonce] };
  const result = await session.run(script, {
    timeoutMs: TIMEOUT_MS,
    maxOutputBytes: MAX_OUTPUT_BYTES,
    ...(signal && { signal }),
  });
  if (result.exitCode !== 0) throw explainFailure('Looking at units and containers', result);
  const records = parseRecords(result.stdout, nonce).get(0);
  return {
    starting: /^(initializing|starting)$/.test(records?.entry('system')?.text.trim() ?? ''),
    failedUnits: linesOf(records, 'failed').slice(0, UNITS_LIMIT),
    containers: records?.entry('containers') === undefined ? undefined : containersOf(linesOf(records, 'containers')),
  };
}

function linesOf(records: Records | undefined, name: string): string[] {
  const lines = (records?.entry(name)?.text ?? '').split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '').sort();
}

function containersOf(lines: readonly string[]): LastingContainer[] {
  return lines.slice(0, CONTAINERS_LIMIT).flatMap((line) => {
    const [, status, health, name] = /^(?:always|unless-stopped) (\S+) (\S+) \/(\S{1,255})$/.exec(line) ?? [];
    if (name === undefined) return [];
    const known = (['starting', 'healthy', 'unhealthy'] as const).find((one) => one === health);
    return [{ name, running: status === 'running', ...(known && { health: known }) }];
  });
}

/** What a host that restarted still lacks, each as a clause. `facts`: of the look before. */
export function missingSince(
  before: { failedUnits: readonly string[]; containers: readonly string[] },
  found: Standing,
  facts: Pick<HostFacts, 'kernel' | 'installedKernel'> = {},
): string[] {
  const units = found.failedUnits.filter((unit) => !before.failedUnits.includes(unit));
  const states = new Map(found.containers?.map((one) => [one.name, one]));
  const down = before.containers.filter((name) => !isUp(states.get(name)));
  const { kernel, installedKernel } = facts;
  return [
    ...(found.starting ? ['it still starts its services'] : []),
    ...(units.length > 0 ? [`unit ${units.join(', ')} failed`] : []),
    ...(down.length > 0 ? [`container ${down.join(', ')} is not up`] : []),
    ...(installedKernel !== undefined && kernel !== installedKernel
      ? [`kernel ${kernel ?? 'unknown'} runs instead of ${installedKernel}; see the boot loader's default entry`]
      : []),
  ];
}

function isUp(container: LastingContainer | undefined): boolean {
  return container?.running === true && (container.health === undefined || container.health === 'healthy');
}

/**
 * In a moment, so that this very connection ends in order before the host does. In which boot it was told is kept for a
 * week, so that nobody who does not know that it restarted, as after a restore of a backup, makes it do so again.
 * Runs inside ownedScript. Arguments: VERB ID.
 */
const powerBody = `
hostler_boot
hostler_told=$hostler_root/logs/$2.told
if [ -f "$hostler_told" ]; then
  read -r hostler_was <"$hostler_told" || true
  if [ "$hostler_was" != "$hostler_boot_id" ]; then exit ${exitCodes.restarted}; fi
else
  # a host whose disk is full may be restarted all the same
  (
    umask 077
    mkdir -p "$hostler_root/logs"
    ${DROP_OLD_LOGS}
    printf '%s\\n' "$hostler_boot_id" | hostler_write "$hostler_told"
  ) || true
fi
if [ "$(systemctl is-system-running 2>/dev/null)" = stopping ]; then
  exit 0
elif [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1; then
  systemd-run --quiet --collect --on-active=2 systemctl "$1"
else
  (
    trap '' HUP
    sleep 2
    exec "$1"
  ) </dev/null >/dev/null 2>&1 &
fi
`;

/**
 * Tells the host to restart or to switch itself off. That it did, only its boot id, or its silence, tells.
 * @param options.id  Of what asks for it, 1 to 64 hex digits.
 * @returns false: it was told so under this id before, and has booted since; nothing is done.
 * @throws TransientError StepFailed; what `claim` throws.
 */
export async function power(
  session: Session,
  verb: 'reboot' | 'poweroff',
  { id, claim, signal }: { id: string; claim: Claim; signal?: AbortSignal },
): Promise<boolean> {
  const text = ownedScript(powerBody);
  const result = await runClaimed(
    session,
    (mode) => ({ name: verb, text, args: [...claimArgs(claim.owner, mode), verb, id] }),
    claim,
    { timeoutMs: TIMEOUT_MS, ...(signal && { signal }) },
  );
  if (result.exitCode === exitCodes.restarted) return false;
  if (result.exitCode !== 0) throw explainFailure(`The ${verb}`, result);
  return true;
}
