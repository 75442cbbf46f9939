import { goQuote } from '../schema/goText.ts';
import { badRequest } from './status.ts';

const NUMBER = String.raw`(?:\d+\.?\d*|\.\d+)`;
const UNIT = '(?:ns|us|µs|μs|ms|s|m|h)';
/** As Go reads it: `1m30s`, `1.5h`, `0`. */
const DURATION = new RegExp(`^[+-]?(?:0|(?:${NUMBER}${UNIT})+)$`);
const WITHOUT_UNIT = new RegExp(`^[+-]?(?:${NUMBER}${UNIT})*${NUMBER}$`);
const OTHER_UNIT = new RegExp(`^[+-]?(?:${NUMBER}${UNIT})*${NUMBER}([^\\d.]+)`);

/**
 * Looks whether the option `timeout`, how long the client will wait, can be read. Its value changes nothing:
 * a request has a minute, whoever sends it.
 * @throws ApiError 400, in Go's words.
 */
export function checkTimeout(query: URLSearchParams): void {
  const value = query.get('timeout') ?? '';
  if (value === '' || DURATION.test(value)) return;
  throw badRequest(`invalid timeout specified in the request URL - time: ${problemOf(value)}${goQuote(value)}`);
}

function problemOf(value: string): string {
  if (WITHOUT_UNIT.test(value)) return 'missing unit in duration ';
  const unit = OTHER_UNIT.exec(value)?.[1];
  return unit === undefined ? 'invalid duration ' : `unknown unit ${goQuote(unit)} in duration `;
}
