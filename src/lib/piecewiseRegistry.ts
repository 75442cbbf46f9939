import { setImmediate as nextTurn } from 'node:timers/promises';
import { Registry } from 'prom-client';

/** Samples that are written between two turns of the event loop: some milliseconds of work. */
const PIECE_SAMPLES = 1000;

/** A gauge with so many series that a scrape must not write them in one go. */
export interface LargeGauge {
  name: string;
  help: string;
  /** Labels, whose values need no escaping (names and words of the API), and value of each series, as of now. */
  samples: () => Iterable<readonly [labels: Readonly<Record<string, string>>, value: number]>;
}

/** A registry whose large gauges are made when they are scraped, and leave the event loop to others meanwhile. */
export class PiecewiseRegistry extends Registry {
  readonly #gauges: LargeGauge[] = [];

  addLargeGauge(gauge: LargeGauge): void {
    this.#gauges.push(gauge);
  }

  override async metrics(): Promise<string> {
    const pieces = [await super.metrics()];
    for (const gauge of this.#gauges) for await (const piece of textOf(gauge)) pieces.push(piece);
    return pieces.join('');
  }
}

async function* textOf({ name, help, samples }: LargeGauge): AsyncGenerator<string> {
  let lines = [`# HELP ${name} ${help}\n# TYPE ${name} gauge\n`];
  for (const [labels, value] of samples()) {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
    lines.push(`${name}{${pairs.join(',')}} ${value}\n`);
    if (lines.length < PIECE_SAMPLES) continue;
    yield lines.join('');
    lines = [];
    await nextTurn();
  }
  yield lines.join('');
}
