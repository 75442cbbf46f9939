/** One measured figure. `baseline` and `ratio` are null where there is no peer. */
export interface Row {
  name: string;
  value: number;
  unit: string;
  baseline: number | null;
  ratio: number | null;
  /** What ok means, such as `<= 1.3 x`; `none` for a figure without a budget. */
  target: string;
  ok: boolean;
}

/** A figure against a peer measured in the same run. */
export function compared(
  name: string,
  unit: string,
  measured: { value: number; baseline: number },
  atMost: number,
): Row {
  const ratio = measured.value / measured.baseline;
  return {
    name,
    unit,
    value: round(measured.value),
    baseline: round(measured.baseline),
    ratio: round(ratio),
    target: `<= ${atMost} x`,
    ok: ratio <= atMost,
  };
}

/** A rate against a peer's in the same run: at least that share of it. */
export function atLeastOf(
  name: string,
  unit: string,
  measured: { value: number; baseline: number },
  share: number,
): Row {
  const row = compared(name, unit, measured, share);
  return { ...row, target: `>= ${share} x`, ok: measured.value / measured.baseline >= share };
}

/** A figure against a fixed target. */
export function absolute(
  name: string,
  unit: string,
  value: number,
  target: { atMost: number } | { atLeast: number },
): Row {
  const [text, ok] =
    'atMost' in target
      ? [`<= ${target.atMost} ${unit}`, value <= target.atMost]
      : [`>= ${target.atLeast} ${unit}`, value >= target.atLeast];
  return { name, unit, value: round(value), baseline: null, ratio: null, target: text, ok };
}

/** A figure that no budget is set for. */
export function measured(name: string, unit: string, value: number): Row {
  return { name, unit, value: round(value), baseline: null, ratio: null, target: 'none', ok: true };
}

/** Prints the rows for a person and, as the last line, one JSON object. */
export function report(bench: string, results: readonly Row[]): void {
  for (const row of results) {
    const peer = row.baseline === null ? '' : `  baseline ${row.baseline} ${row.unit}, ratio ${String(row.ratio)}`;
    console.log(`${row.ok ? 'ok    ' : 'MISSED'} ${row.name}: ${row.value} ${row.unit}${peer}  (target ${row.target})`);
  }
  console.log(JSON.stringify({ bench, results }));
}

/** The middle of `values`. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The value that `percent` of all are not above. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
