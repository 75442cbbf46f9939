import { goQuote } from '../../goText.ts';
import { EvaluationError } from '../values/errors.ts';
import { CelList } from '../values/list.ts';
import { CelMap } from '../values/map.ts';
import { Uint } from '../values/numbers.ts';
import { Duration, Timestamp } from '../values/time.ts';
import { valueText } from '../values/text.ts';
import { checkLength } from '../values/textLimit.ts';
import { typeNameOf, TypeValue, type Value } from '../values/value.ts';

/** string.format() of cel-go's strings extension. Source: cel-go ext/formatting.go. */

/** What `%…` at the begin of `clause` asks for. */
export interface Clause {
  /** Characters, with the sign. */
  length: number;
  verb: 's' | 'd' | 'f' | 'e' | 'b' | 'x' | 'X' | 'o';
  precision: number;
}

const DEFAULT_PRECISION = 6;
/** JavaScript prints at most that many; nobody reads more. */
const MAX_PRECISION = 100;

/** Puts `args` in the places of `template`. @throws EvaluationError  when there are too few, or one does not fit. */
export function formatText(template: string, args: CelList): string {
  let used = 0;
  return mapClauses(template, (clause) => {
    if (used >= args.size) throw new EvaluationError(`index ${used} out of range`);
    return one(clause, args.at(used++));
  });
}

/** `template` with every clause replaced. @throws EvaluationError  when one is malformed. */
export function mapClauses(template: string, replace: (clause: () => Clause) => string): string {
  let result = '';
  for (let index = 0; index < template.length;) {
    const char = template[index] ?? '';
    if (char !== '%' || template[index + 1] === '%') {
      result += char;
      index += char === '%' ? 2 : 1;
      continue;
    }
    let length = 0;
    const start = index;
    result += replace(() => {
      const clause = parseClause(template.slice(start));
      ({ length } = clause);
      return clause;
    });
    checkLength(result.length);
    index += length;
  }
  return result;
}

const PRECISION = 'error while parsing precision: ';

function parseClause(text: string): Clause {
  if (text.length < 2) throw new EvaluationError('unexpected end of string');
  const digits = /^%\.(\d*)/.exec(text)?.[1];
  const at = digits === undefined ? 1 : 2 + digits.length;
  const verb = text[at];
  if (verb === undefined) throw parseProblem(`${PRECISION}could not find end of precision specifier`);
  if (digits === '')
    throw parseProblem(
      `${PRECISION}error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax`,
    );
  if (!isVerb(verb)) throw parseProblem(`unrecognized formatting clause "${verb}"`);
  const precision = digits === undefined ? DEFAULT_PRECISION : Math.min(Number(digits), MAX_PRECISION);
  return { length: at + 1, verb, precision };
}

function isVerb(char: string): char is Clause['verb'] {
  return 'sdfebxXo'.includes(char);
}

function parseProblem(text: string): EvaluationError {
  return new EvaluationError(`could not parse formatting clause: ${text}`);
}

/** What each clause takes, for messages. */
export const TAKES: Readonly<Record<Clause['verb'], string>> = {
  s: 'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
  d: 'decimal clause can only be used on integers',
  f: 'fixed-point clause can only be used on doubles',
  e: 'scientific clause can only be used on doubles',
  b: 'only integers and bools can be formatted as binary',
  x: 'only integers, byte buffers, and strings can be formatted as hex',
  X: 'only integers, byte buffers, and strings can be formatted as hex',
  o: 'octal clause can only be used on integers',
};

function one(clause: () => Clause, value: Value): string {
  const { verb, precision } = clause();
  const text = verb === 's' ? stringText(value) : numberText(verb, precision, value);
  if (text !== undefined) return text;
  throw new EvaluationError(`error during formatting: ${TAKES[verb]}, was given ${typeNameOf(value)}`);
}

function numberText(verb: Clause['verb'], precision: number, value: Value): string | undefined {
  if (verb === 'f' || verb === 'e') return doubleText(verb, precision, value);
  if (verb === 'b' && typeof value === 'boolean') return value ? '1' : '0';
  if (verb === 'x') return hexText(value);
  return verb === 'X' ? hexText(value)?.toUpperCase() : integerText(RADIX[verb] ?? 10, value);
}

const RADIX: Readonly<Partial<Record<Clause['verb'], number>>> = { b: 2, o: 8, d: 10 };

function hexText(value: Value): string | undefined {
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : integerText(16, value);
}

function integerText(radix: number, value: Value): string | undefined {
  const integer = value instanceof Uint ? value.value : value;
  return typeof integer === 'bigint' ? integer.toString(radix) : undefined;
}

function doubleText(verb: 'f' | 'e', precision: number, value: Value): string | undefined {
  const number = asDouble(value);
  if (number === undefined) return undefined;
  return verb === 'f' ? fixed(number, precision) : scientific(number, precision);
}

function asDouble(value: Value): number | undefined {
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  return typeof value === 'number' ? value : undefined;
}

function special(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞';
}

function fixed(value: number, precision: number): string {
  if (!Number.isFinite(value)) return special(value);
  const options = { minimumFractionDigits: precision, maximumFractionDigits: precision };
  return new Intl.NumberFormat('en-US', { ...options, roundingMode: 'halfEven' }).format(value);
}

const RAISED: Readonly<Record<string, string>> = {
  ...{ '-': '⁻', 0: '⁰', 1: '¹', 2: '²', 3: '³', 4: '⁴', 5: '⁵', 6: '⁶', 7: '⁷', 8: '⁸', 9: '⁹' },
};

/** In cel-go the precision of %e is a width. */
function scientific(value: number, width: number): string {
  if (!Number.isFinite(value)) return special(value).padStart(width);
  const [digits = '', exponent = ''] = value.toExponential(DEFAULT_PRECISION).split('e');
  const power = exponent.replace('+', '').replace(/^(-?)(\d)$/, '$10$2');
  return `${digits}×10${Array.from(power, (char) => RAISED[char] ?? char).join('')}`.padStart(width);
}

function stringText(value: Value): string | undefined {
  if (typeof value === 'boolean' || typeof value === 'string') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (value instanceof CelList) return listText(value);
  if (value instanceof CelMap) return mapText(value);
  return isPlain(value) ? valueText(value) : undefined;
}

function isPlain(value: Value): boolean {
  if (value === null || typeof value === 'bigint' || typeof value === 'number') return true;
  return [Uint, Duration, Timestamp, TypeValue].some((of) => value instanceof of);
}

function listText(list: CelList): string {
  return `[${Array.from(list, inner).join(', ')}]`;
}

function mapText(map: CelMap): string {
  const entries = Array.from(map.keys(), (key) => [inner(key), inner(map.find(key) ?? null)] as const);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, value]) => `${key}:${value}`).join(', ')}}`;
}

/** As a literal of CEL. */
function inner(value: Value): string {
  if (typeof value === 'string') return goQuote(value);
  if (value instanceof Uint8Array) return `b${goQuote(Buffer.from(value).toString('utf8'))}`;
  if (typeof value === 'number') return Number.isFinite(value) ? value.toFixed(6) : goQuote(doubleName(value));
  if (value instanceof Timestamp) return `timestamp(${goQuote(valueText(value))})`;
  if (value instanceof Duration) return `duration(${goQuote(valueText(value))})`;
  const text = stringText(value);
  if (text === undefined)
    throw new EvaluationError(`error during formatting: no formatting function for ${typeNameOf(value)}`);
  return text;
}

function doubleName(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
