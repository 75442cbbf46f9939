import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { KubectlVersion } from '../../support/kubectl.ts';
import { differences, everywhere, readAs, type Difference } from '../differences.ts';
import { deviations, type Deviation } from './compare.ts';
import { Run, type Outcome } from './run.ts';
import { Side } from './side.ts';
import type { Step } from './step.ts';

/** Names of cases, and the steps of each. */
export type Cases = Readonly<Record<string, readonly Step[]>>;

/** Of a value in a message, in characters. */
const SHOWN = 700;

let count = 0;

/**
 * Declares one test per case: its steps run against both servers, each in a namespace of its own, and everything that
 * is not listed in `differences.ts` must be the same.
 */
export function interactions(topic: string, cases: Cases, kubectlVersion: KubectlVersion = '1.35'): void {
  describe(topic, () => {
    let sides: Side[] = [];
    beforeAll(() => {
      sides = [new Side(inject('hostler')), new Side(inject('kubernetes'))];
    });
    afterAll(async () => {
      await Promise.all(sides.map((side) => side.close()));
    });
    for (const [name, steps] of Object.entries(cases)) {
      it(name, async () => {
        const namespace = `t${inject('run')}-${process.pid.toString(36)}-${++count}`;
        const [hostler, kubernetes] = await Promise.all(
          sides.map((side) => runCase(side, namespace, steps, kubectlVersion)),
        );
        const listed = differences[`${topic}: ${name}`] ?? [];
        const found = allDeviations(hostler ?? [], kubernetes ?? []);
        const known = [...listed, ...everywhere];
        const unlisted = found.filter((one) => !known.some((difference) => covers(difference, one)));
        if (unlisted.length > 0) expect.fail(unlisted.map(describeDeviation).join('\n'));
        const stale = listed.filter((difference) => !found.some((one) => covers(difference, one)));
        expect(stale, 'differences that are none any more').toEqual([]);
      });
    }
  });
}

async function runCase(
  side: Side,
  namespace: string,
  steps: readonly Step[],
  version: KubectlVersion,
): Promise<Outcome[]> {
  const path = `/api/v1/namespaces`;
  const body = JSON.stringify({ metadata: { name: namespace } });
  const { code, text } = await side.ask('POST', path, { body, headers: { 'content-type': 'application/json' } });
  if (code !== 201) throw new Error(`${side.endpoint.name}: creating a namespace failed: ${text}`);
  return new Run(side, namespace, version).all(steps);
}

function allDeviations(hostler: readonly Outcome[], kubernetes: readonly Outcome[]): Deviation[] {
  return kubernetes.flatMap((right, index) => {
    return deviations(translated(hostler[index]), translated(right)).map(({ at, ...values }) => ({
      at: `${right.step}: ${at}`,
      ...values,
    }));
  });
}

/** With words that mean the same made the same. */
function translated(outcome: Outcome | undefined): Outcome | undefined {
  if (outcome === undefined) return undefined;
  let text = JSON.stringify(outcome);
  for (const { from, to } of readAs) text = text.replaceAll(from, to);
  return JSON.parse(text) as Outcome;
}

function describeDeviation({ at, hostler, kubernetes }: Deviation): string {
  const say = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, SHOWN));
  return `${at}\n    hostler:    ${say(hostler)}\n    kubernetes: ${say(kubernetes)}`;
}

function covers({ at, hostler, kubernetes }: Difference, deviation: Deviation): boolean {
  if (!(typeof at === 'string' ? deviation.at.endsWith(at) : at.test(deviation.at))) return false;
  return isSaid(hostler, deviation.hostler) && isSaid(kubernetes, deviation.kubernetes);
}

function isSaid(pattern: RegExp | undefined, value: unknown): boolean {
  return pattern === undefined || pattern.test(value === undefined ? 'nothing' : JSON.stringify(value));
}
