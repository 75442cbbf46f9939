const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};
const FORM = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([A-Za-z]{0,2})$/;

/**
 * A Kubernetes quantity (`500m`, `4Gi`, `2`, `1e3`) as a number; undefined when it is none.
 * Source: apimachinery resource.Quantity. Not guaranteed: more digits than a double holds.
 */
export function parseQuantity(quantity: string | number): number | undefined {
  if (typeof quantity === 'number') return quantity;
  const [, digits, suffix] = FORM.exec(quantity.trim()) ?? [];
  const factor = suffix === undefined ? undefined : SUFFIXES[suffix];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

/** `bytes` as a binary quantity for people and status: `7.8Gi` is written `8012Mi`, whole units only. */
export function bytesToQuantity(bytes: number): string {
  const units = ['Ti', 'Gi', 'Mi', 'Ki'] as const;
  const unit = units.find((candidate) => bytes >= 10 * (SUFFIXES[candidate] ?? 1)) ?? 'Ki';
  return `${Math.floor(bytes / (SUFFIXES[unit] ?? 1))}${unit}`;
}
