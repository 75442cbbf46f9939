import { readFile } from 'node:fs/promises';
import { effectiveServer, type EffectiveServer } from '../../src/api/effective.ts';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import { applyChange, type ChangeResult } from '../../src/host/apply.ts';
import { observe, type Observation } from '../../src/host/observe.ts';
import { claim, type Claim } from '../../src/host/ownership.ts';
import { planHost, taskOf, type Plan } from '../../src/host/plan.ts';
import type { Change } from '../../src/host/task.ts';
import { tasks } from '../../src/host/tasks/registry.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { connect } from '../../src/ssh/connect.ts';
import type { Session } from '../../src/ssh/session.ts';
import type { Host } from '../hosts/host.ts';
import { noArtifacts, noProof } from './noProof.ts';

const WAIT_MS = 240_000;
const MAX_ROUNDS = 12;

export type Docker = NonNullable<ServerSpec['docker']>;

/** A test host driven by the host layer alone, without a control plane. */
export class HostDriver {
  readonly session: Session;
  readonly #claim: Claim;
  #previous: Observation | undefined;
  #attempt = 0;
  /** Declared beside Docker. */
  proxy: ServerSpec['proxy'];
  /** What the Secret of a declared mirror would hold. */
  signingKey = '';
  /** Names of the changes that were made, in order. */
  readonly applied: string[] = [];

  private constructor(session: Session, server: string) {
    this.session = session;
    const token = { lease: 'lease-1', transitions: 1 };
    this.#claim = { owner: { installation: 'installation-1', server, token }, stillHeld: () => Promise.resolve(true) };
  }

  /** Logs in to `host` and, as root, takes it. */
  static async open(host: Host, keyFile: string, user = 'root'): Promise<HostDriver> {
    const privateKey = await readFile(keyFile, 'utf8');
    const session = await connect({
      addresses: [{ type: 'IPv4', address: host.address }],
      port: host.port,
      user,
      trust: () => ({ keys: [], policy: 'TrustOnFirstUse', store: () => Promise.resolve() }),
      credential: () => Promise.resolve({ kind: 'key', privateKey }),
      privilege: { mode: 'Auto' },
    });
    const driver = new HostDriver(session, `server-${host.machineName}`);
    if (user === 'root') await claim(session, driver.#claim);
    return driver;
  }

  close(): void {
    this.session.release();
  }

  effective(docker: Docker): EffectiveServer {
    const effective = effectiveServer({
      spec: {
        addresses: [{ type: 'IPv4', address: '192.0.2.1' }],
        ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
        docker,
        ...(this.proxy === undefined ? {} : { proxy: this.proxy }),
      },
    });
    const mirror = effective.docker?.source.mirror;
    if (mirror !== undefined) mirror.signingKey = { value: this.signingKey };
    return effective;
  }

  async observe(docker: Docker, forceSlow = false): Promise<Observation> {
    this.#previous = await observe(this.session, {
      effective: this.effective(docker),
      tasks,
      previous: this.#previous,
      forceSlow,
      clock: systemClock,
    });
    return this.#previous;
  }

  async plan(docker: Docker): Promise<Plan> {
    return planHost(this.effective(docker), await this.observe(docker), tasks);
  }

  /** Plans and applies until nothing is left to do; changes that `observeAfter` are followed by a new plan. */
  async converge(docker: Docker): Promise<Plan> {
    let plan = await this.plan(docker);
    for (let round = 0; plan.changes.length > 0; round++) {
      if (round === MAX_ROUNDS) throw new Error(`does not converge: ${JSON.stringify(plan.changes)}`);
      await this.#round(plan.changes);
      plan = planHost(this.effective(docker), await this.observe(docker, true), tasks);
    }
    return plan;
  }

  async #round(changes: readonly Change[]): Promise<void> {
    for (const change of changes) {
      await this.apply(change);
      if (change.observeAfter) return;
    }
  }

  async apply(change: Change): Promise<void> {
    const result = await this.start(change, WAIT_MS);
    if (result.kind === 'running') throw new Error(`${change.name} did not end`);
    this.applied.push(change.name);
  }

  /** Starts a change; a job may still run when it returns. */
  async start(change: Change, waitMs = 0): Promise<ChangeResult> {
    const facts = this.#previous?.facts;
    if (facts === undefined) throw new Error('observe first');
    const options = {
      claim: this.#claim,
      attempt: ++this.#attempt,
      facts,
      waitMs,
      writeAhead: () => Promise.resolve(),
      proof: noProof,
      artifacts: noArtifacts,
    };
    return applyChange(this.session, change, taskOf(change, tasks), options);
  }
}
