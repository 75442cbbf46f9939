import { missingSince, power, standing } from '../../../host/power.ts';
import { TransientError, WaitingError, type ReconcileError } from '../../../lib/errors.ts';
import type { Clock } from '../../../lib/clock.ts';
import { claimOf, type ClaimDeps } from '../claim.ts';
import { operationJob } from './jobAct.ts';
import { failed, succeeded, type Act, type ActResult, type ActRun, type AwayResult, type Ending } from './act.ts';

/** From the beginning until the host is back, or gone. */
const POWER_MS = 15 * 60_000;
/** From its return until all that ran before must run again. */
const SETTLE_MS = 5 * 60_000;
/** The command may have been lost with the link: it is sent again. */
const RESEND_MS = 60_000;
/** As long as that a host that switches itself off still answers, or refuses. */
const SHUTDOWN_MS = 10_000;
const LOOK_MS = 3000;
const BUSY_RETRY_MS = 15_000;

const RESTART = 'restart';
const VERIFY = 'verify';
const SWITCH_OFF = 'switch-off';

/**
 * Reboot and PowerOff. That the host restarted is proven by its boot id, written down before; nothing is sent to a host
 * whose boot id is another one already, so that no crash of Hostler can make it restart twice.
 */
export class PowerAct implements Act {
  readonly #deps: ClaimDeps & { clock: Clock };
  readonly #verb: 'reboot' | 'poweroff';

  constructor(deps: ClaimDeps & { clock: Clock }, verb: 'reboot' | 'poweroff') {
    this.#deps = deps;
    this.#verb = verb;
  }

  async prepare({ scope, session, log }: ActRun): Promise<void> {
    const { bootID, packageLocks = [] } = scope.observation?.facts ?? {};
    if (bootID === undefined)
      throw new TransientError(
        'ObservationFailed',
        'The boot id of the host could not be read, so nothing could prove that it restarts.',
      );
    const [holder] = packageLocks;
    if (holder !== undefined)
      throw new WaitingError(
        'PackageManagerBusy',
        `${holder.process} (pid ${holder.pid}) changes packages on the host; it is let finish first.`,
        {
          afterMs: BUSY_RETRY_MS,
        },
      );
    const { failedUnits, containers = [] } = await standing(session, scope.signal);
    const running = containers.filter((one) => one.running).map((one) => one.name);
    log.status = { ...log.status, bootIDs: [bootID], before: { failedUnits, containers: running } };
  }

  async carryOn(run: ActRun): Promise<ActResult> {
    const { scope, log } = run;
    const [before, ...since] = log.status.bootIDs ?? [];
    const now = scope.observation?.facts.bootID;
    if (before === undefined || now === undefined || now === before) return this.#send(run);
    if (this.#verb === 'poweroff') return ended(succeeded('the host was off: it has been started since'));
    if (since.at(-1) === now) return this.#verify(run);
    log.status = { ...log.status, bootIDs: [before, ...since, now].slice(0, 10) };
    log.steps.succeed(RESTART, `boot id ${before} became ${now}`);
    if (since.length > 0)
      return ended(
        failed(
          'RebootFailed',
          `the host restarts by itself again and again: it was told to once, and has booted ${since.length + 1} times since. See journalctl --list-boots`,
        ),
      );
    return this.#verify(run);
  }

  away({ scope, operation, log }: Omit<ActRun, 'session'>, error: ReconcileError): AwayResult {
    const silent = error.reason === 'ConnectionTimedOut' || error.reason === 'NoRoute';
    if (this.#verb === 'poweroff' && silent && log.runningMs >= SHUTDOWN_MS) {
      log.steps.succeed(SWITCH_OFF, 'the host does not answer any more');
      return ended(succeeded('the host does not answer any more'));
    }
    if (log.runningMs < POWER_MS) return { kind: 'expected', error: this.#expected(operation.metadata.name, error) };
    const minutes = POWER_MS / 60_000;
    if (this.#verb === 'poweroff')
      return ended(
        failed(
          'PowerOffFailed',
          `whether the host is off is not known after ${minutes} minutes: ${error.message} Look at its console.`,
        ),
      );
    scope.log.warn({ operation: operation.metadata.name }, 'the host did not come back');
    return ended(
      failed(
        'RebootFailed',
        `the host did not come back within ${minutes} minutes: ${error.message} Look at its console.`,
      ),
    );
  }

  #expected(name: string, cause: ReconcileError): ReconcileError {
    const what = this.#verb === 'reboot' ? 'restarts' : 'switches itself off';
    return new WaitingError('Rebooting', `The host ${what}, as ServerOperation ${name} asks.`, {
      afterMs: LOOK_MS,
      cause,
    });
  }

  async #send(run: ActRun): Promise<ActResult> {
    const { scope, session, operation, log } = run;
    const step = this.#verb === 'reboot' ? RESTART : SWITCH_OFF;
    if (log.runningMs >= POWER_MS) return ended(this.#stillUp());
    const sent = scope.memory.powerSent;
    const now = this.#deps.clock.now();
    const { uid } = operation.metadata;
    if (sent === undefined || sent.operation !== uid || now - sent.at >= RESEND_MS) {
      log.steps.start(step);
      await log.note(this.#verb === 'reboot' ? 'the host is told to restart' : 'the host is told to switch itself off');
      scope.memory.powerSent = { operation: uid, at: now };
      const { id } = operationJob(operation, scope.server.metadata.uid);
      const means = { id, claim: claimOf(this.#deps, scope), signal: scope.signal };
      if (!(await power(session, this.#verb, means))) return ended(this.#toldBefore());
    }
    return { kind: 'running', afterMs: LOOK_MS };
  }

  /** As when a backup from before was restored. */
  #toldBefore(): Ending {
    const what = this.#verb === 'reboot' ? 'it restarted the host' : 'it switched the host off';
    const message = `${what} before, as the host knows, and is not repeated. To repeat it on purpose, create another one`;
    return { phase: 'AlreadyRan', reason: 'AlreadyRan', message };
  }

  #stillUp(): Ending {
    const minutes = POWER_MS / 60_000;
    return this.#verb === 'reboot'
      ? failed(
          'RebootFailed',
          `the host did not restart within ${minutes} minutes: its boot id is still the same. See systemctl list-jobs and systemd-inhibit --list on it`,
        )
      : failed(
          'PowerOffFailed',
          `the host still answers after ${minutes} minutes. See systemctl list-jobs and systemd-inhibit --list on it`,
        );
  }

  /** Back is not enough: the kernel, units and containers have to be as they should. */
  async #verify({ scope, session, log }: ActRun): Promise<ActResult> {
    log.steps.start(VERIFY);
    const found = await standing(session, scope.signal);
    const { failedUnits = [], containers = [] } = log.status.before ?? {};
    const missing = missingSince({ failedUnits, containers }, found, scope.observation?.facts);
    if (missing.length === 0) {
      const what = `the kernel${containers.length === 0 ? '' : `, ${containers.length} containers`} and all units are as they should be`;
      log.steps.succeed(VERIFY, what);
      return ended(succeeded(`the host restarted in ${Math.round(log.runningMs / 1000)} s; ${what}`));
    }
    const wrong = missing.join('; ');
    if ((log.sinceMs(RESTART) ?? 0) >= SETTLE_MS)
      return ended(failed('RebootFailed', `the host restarted, but after ${SETTLE_MS / 60_000} minutes ${wrong}`));
    await log.note(`the host is back; ${wrong}`);
    return { kind: 'running', afterMs: LOOK_MS };
  }
}

function ended(ending: Ending): Extract<ActResult, { kind: 'ended' }> {
  return { kind: 'ended', ending };
}
