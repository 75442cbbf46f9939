import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ControlPlane, Home } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { KILLS_DIRECTORY, type KillPlan } from './killPlan.ts';
import { pressOn } from './pressOn.ts';

const KILL_POINTS = fileURLToPath(new URL('killPoints.ts', import.meta.url));
/** Without a death so long after the end, there is no point left that it comes by: a full look every 4 s. */
const QUIET_MS = 6000;
const POLL_MS = 250;

/** A control plane that kills itself, -9, at the points of a plan, and is started again each time. */
export class MortalPlane {
  readonly plane: ControlPlane;
  readonly #directory: string;

  private constructor(plane: ControlPlane) {
    this.plane = plane;
    this.#directory = join(plane.directory, 'kills');
  }

  /** Starts one that does not die yet. */
  static async start(flags: readonly string[], home: Home): Promise<MortalPlane> {
    return new MortalPlane(await startControlPlane(flags, {}, home));
  }

  /** From a start of its own it dies by `plan`; what it passed and died at before is forgotten. */
  async arm(plan: KillPlan): Promise<void> {
    await this.plane.kill();
    await rm(this.#directory, { recursive: true, force: true });
    await mkdir(this.#directory);
    await writeFile(join(this.#directory, 'plan.json'), JSON.stringify(plan));
    this.plane.process = { preload: [KILL_POINTS], env: { [KILLS_DIRECTORY]: this.#directory } };
    await this.#start();
  }

  /** From a start of its own it lives. */
  async disarm(): Promise<void> {
    await this.plane.kill();
    this.plane.process = {};
    await this.plane.start();
  }

  /**
   * Starts it again after every death, until `isOver` holds and no further death comes.
   * @param isOver  Throws while the API is away.
   * @param options.deaths  So many come at most: behind them no other one is waited for.
   */
  async outlive(
    isOver: () => Promise<boolean>,
    timeoutMs: number,
    { deaths = Infinity }: { deaths?: number } = {},
  ): Promise<void> {
    const until = Date.now() + timeoutMs;
    for (let quietSince: number | undefined; ;) {
      if (Date.now() > until) throw new Error(`not over in time; it died at\n${(await this.deaths()).join('\n')}`);
      if (await Promise.race([this.plane.ended.then(() => true), sleep(POLL_MS, false)])) {
        await this.#start();
        quietSince = undefined;
        continue;
      }
      // deaths in the middle of a first login hold the next one back for long
      await pressOn(this.plane).catch(() => undefined);
      if (await isOver().catch(() => false)) quietSince ??= Date.now();
      else quietSince = undefined;
      if (quietSince === undefined) continue;
      if (Date.now() - quietSince >= QUIET_MS || (await this.deaths()).length >= deaths) return;
    }
  }

  /** Points at which it died, in order. */
  deaths(): Promise<string[]> {
    return this.#lines('deaths');
  }

  /** Points that it came by, each once, in order. */
  async passed(): Promise<string[]> {
    return [...new Set(await this.#lines('passed'))];
  }

  async #lines(name: string): Promise<string[]> {
    const text = await readFile(join(this.#directory, name), 'utf8').catch(() => '');
    return text.split('\n').filter(Boolean);
  }

  /** It may die before it says that it is ready. */
  async #start(): Promise<void> {
    const before = (await this.deaths()).length;
    try {
      await this.plane.start();
    } catch (error) {
      if ((await this.deaths()).length === before) throw error;
    }
  }
}
