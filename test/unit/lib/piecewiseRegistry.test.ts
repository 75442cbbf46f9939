import { Gauge } from 'prom-client';
import { expect, it } from 'vitest';
import { PiecewiseRegistry } from '../../../src/lib/piecewiseRegistry.ts';

const SAMPLES = 20_000;

it('writes large gauges after the others, and lets others have their turn meanwhile', async () => {
  const registry = new PiecewiseRegistry();
  new Gauge({ name: 'small', help: 'a few', registers: [registry] }).set(1);
  registry.addLargeGauge({
    name: 'large',
    help: 'many',
    *samples() {
      for (let index = 0; index < SAMPLES; index++) yield [{ name: `n-${index}`, kind: 'x' }, index] as const;
    },
  });
  let turns = 0;
  let isOver = false;
  const count = () => {
    if (isOver) return;
    turns++;
    setImmediate(count);
  };
  setImmediate(count);
  const text = await registry.metrics();
  isOver = true;
  const lines = text.split('\n');
  expect(lines.slice(0, 6)).toEqual([
    '# HELP small a few',
    '# TYPE small gauge',
    'small 1',
    '# HELP large many',
    '# TYPE large gauge',
    'large{name="n-0",kind="x"} 0',
  ]);
  expect(lines).toHaveLength(5 + SAMPLES + 1);
  expect(turns).toBeGreaterThanOrEqual(SAMPLES / 1000);
});
