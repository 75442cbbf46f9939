import { isIP } from 'node:net';
import {
  celFunc,
  celList,
  celMethod,
  CelScalar,
  isCelList,
  isCelMap,
  type CelFunc,
  type CelValue,
} from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { parseQuantity } from '../../../lib/quantity.ts';
import {
  checkDns1035Label,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkLabelValue,
  checkQualifiedName,
} from '../names.ts';
import { compilePattern } from '../patterns.ts';

const { BOOL, DYN, INT, STRING } = CelScalar;
const METHOD_OF = DYN;

/*
 * The function libraries that Kubernetes adds to CEL. Opaque values (URL, quantity, IP, CIDR) are maps with a tag, so
 * that rules can hand them from function to method.
 */

/** `value` of an opaque kind. */
function opaque(kind: string, fields: Record<string, string>): Map<string, string> {
  return new Map([['@kind', kind], ...Object.entries(fields)]);
}

function fieldOf(value: CelValue, kind: string, field: string): string {
  if (isCelMap(value) && value.get('@kind') === kind) {
    const found = value.get(field);
    if (typeof found === 'string') return found;
  }
  throw new Error(`no such overload: not a ${kind}`);
}

function itemsOf(value: CelValue): CelValue[] {
  if (!isCelList(value)) throw new Error('no such overload: not a list');
  return [...value];
}

function compare(a: CelValue | undefined, b: CelValue | undefined): number {
  const [left, right] = [comparable(a), comparable(b)];
  if (typeof left !== typeof right) throw new Error('no such overload: values of different types have no order');
  return left === right ? 0 : left < right ? -1 : 1;
}

function comparable(value: CelValue | undefined): bigint | number | string | boolean {
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean')
    return value;
  throw new Error('no such overload: values have no order');
}

function same(a: CelValue, b: CelValue): boolean {
  return a === b || (typeof a === typeof b && JSON.stringify(plain(a)) === JSON.stringify(plain(b)));
}

function plain(value: CelValue): unknown {
  if (isCelList(value)) return [...value].map(plain);
  if (isCelMap(value)) return [...value.entries()].map(([key, one]) => [JSON.stringify(plain(key)), plain(one)]).sort();
  return typeof value === 'bigint' ? `i${value}` : value;
}

const lists: CelFunc[] = [
  celMethod('isSorted', METHOD_OF, [], BOOL, function () {
    const items = itemsOf(this);
    return items.every((item, index) => index === 0 || compare(items[index - 1], item) <= 0);
  }),
  celMethod('min', METHOD_OF, [], DYN, function () {
    return extreme(itemsOf(this), -1);
  }),
  celMethod('max', METHOD_OF, [], DYN, function () {
    return extreme(itemsOf(this), 1);
  }),
  celMethod('sum', METHOD_OF, [], DYN, function () {
    const items = itemsOf(this);
    if (items.every((item) => typeof item === 'bigint')) return items.reduce((total, item) => total + item, 0n);
    if (items.every((item) => typeof item === 'number')) return items.reduce((total, item) => total + item, 0);
    throw new Error('no such overload: sum of what are no numbers');
  }),
  celMethod('indexOf', METHOD_OF, [DYN], INT, function (item) {
    if (typeof this === 'string' && typeof item === 'string') return BigInt(this.indexOf(item));
    return BigInt(itemsOf(this).findIndex((one) => same(one, item)));
  }),
  celMethod('lastIndexOf', METHOD_OF, [DYN], INT, function (item) {
    if (typeof this === 'string' && typeof item === 'string') return BigInt(this.lastIndexOf(item));
    return BigInt(itemsOf(this).findLastIndex((one) => same(one, item)));
  }),
];

function extreme(items: CelValue[], sign: 1 | -1): CelValue {
  const [first, ...rest] = items;
  if (first === undefined) throw new Error('min and max need a list that is not empty');
  return rest.reduce((best, item) => (Math.sign(compare(item, best)) === sign ? item : best), first);
}

const regex: CelFunc[] = [
  celMethod('find', STRING, [STRING], STRING, function (pattern) {
    return findAll(this, pattern, 1)[0] ?? '';
  }),
  celMethod('findAll', STRING, [STRING], DYN, function (pattern) {
    return celList(findAll(this, pattern, Number.MAX_SAFE_INTEGER));
  }),
  celMethod('findAll', STRING, [STRING, INT], DYN, function (pattern, limit) {
    return celList(findAll(this, pattern, limit < 0n ? Number.MAX_SAFE_INTEGER : Number(limit)));
  }),
];

function findAll(text: string, pattern: string, limit: number): string[] {
  const matcher = compilePattern(pattern).matcher(text);
  const found: string[] = [];
  while (found.length < limit && matcher.find()) found.push(matcher.group() ?? '');
  return found;
}

const sets: CelFunc[] = [
  celFunc('sets.contains', [DYN, DYN], BOOL, (a, b) => containsAll(itemsOf(a), itemsOf(b))),
  celFunc('sets.intersects', [DYN, DYN], BOOL, (a, b) =>
    itemsOf(a).some((one) => itemsOf(b).some((other) => same(one, other))),
  ),
  celFunc(
    'sets.equivalent',
    [DYN, DYN],
    BOOL,
    (a, b) => containsAll(itemsOf(a), itemsOf(b)) && containsAll(itemsOf(b), itemsOf(a)),
  ),
];

function containsAll(list: CelValue[], wanted: CelValue[]): boolean {
  return wanted.every((one) => list.some((other) => same(one, other)));
}

const urls: CelFunc[] = [
  celFunc('isURL', [STRING], BOOL, (text) => URL.canParse(text)),
  celFunc('url', [STRING], DYN, (text) => {
    const { protocol, host, hostname, port, pathname } = new URL(text);
    return opaque('url', {
      scheme: protocol.slice(0, -1),
      host,
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      pathname,
    });
  }),
  ...(['Scheme', 'Host', 'Hostname', 'Port'] as const).map((part) =>
    celMethod(`get${part}`, METHOD_OF, [], STRING, function () {
      return fieldOf(this, 'url', part.toLowerCase());
    }),
  ),
  celMethod('getEscapedPath', METHOD_OF, [], STRING, function () {
    return fieldOf(this, 'url', 'pathname');
  }),
];

const addresses: CelFunc[] = [
  celFunc('isIP', [STRING], BOOL, (text) => isIP(text) !== 0),
  celFunc('ip', [STRING], DYN, (text) => {
    if (isIP(text) === 0) throw new Error(`IP Address "${text}" parse error`);
    return opaque('ip', { text });
  }),
  celMethod('family', METHOD_OF, [], INT, function () {
    return BigInt(isIP(fieldOf(this, 'ip', 'text')));
  }),
  celFunc('isCIDR', [STRING], BOOL, isCidr),
  celFunc('cidr', [STRING], DYN, (text) => {
    if (!isCidr(text)) throw new Error(`network address parse error: "${text}"`);
    return opaque('cidr', { text });
  }),
  celMethod('prefixLength', METHOD_OF, [], INT, function () {
    return BigInt(fieldOf(this, 'cidr', 'text').split('/')[1] ?? '0');
  }),
];

function isCidr(text: string): boolean {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const version = isIP(address);
  return version !== 0 && rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128);
}

const quantities: CelFunc[] = [
  celFunc('isQuantity', [STRING], BOOL, (text) => parseQuantity(text) !== undefined),
  celFunc('quantity', [STRING], DYN, (text) => {
    if (parseQuantity(text) === undefined) throw new Error(`quantity parse error: "${text}"`);
    return opaque('quantity', { text });
  }),
  celMethod('compareTo', METHOD_OF, [DYN], INT, function (other) {
    return BigInt(Math.sign(amountOf(this) - amountOf(other)));
  }),
  celMethod('isGreaterThan', METHOD_OF, [DYN], BOOL, function (other) {
    return amountOf(this) > amountOf(other);
  }),
  celMethod('isLessThan', METHOD_OF, [DYN], BOOL, function (other) {
    return amountOf(this) < amountOf(other);
  }),
  celMethod('sign', METHOD_OF, [], INT, function () {
    return BigInt(Math.sign(amountOf(this)));
  }),
  celMethod('isInteger', METHOD_OF, [], BOOL, function () {
    return Number.isSafeInteger(amountOf(this));
  }),
  celMethod('asInteger', METHOD_OF, [], INT, function () {
    return BigInt(amountOf(this));
  }),
  celMethod('asApproximateFloat', METHOD_OF, [], CelScalar.DOUBLE, function () {
    return amountOf(this);
  }),
  celMethod('add', METHOD_OF, [DYN], DYN, function (other) {
    return opaque('quantity', { text: String(amountOf(this) + amountOf(other)) });
  }),
  celMethod('sub', METHOD_OF, [DYN], DYN, function (other) {
    return opaque('quantity', { text: String(amountOf(this) - amountOf(other)) });
  }),
];

function amountOf(value: CelValue): number {
  if (typeof value === 'bigint') return Number(value);
  return parseQuantity(fieldOf(value, 'quantity', 'text')) ?? Number.NaN;
}

const FORMATS: Readonly<Record<string, (text: string) => string[]>> = {
  dns1123Label: checkDns1123Label,
  dns1123Subdomain: checkDns1123Subdomain,
  dns1035Label: checkDns1035Label,
  qualifiedName: checkQualifiedName,
  labelValue: checkLabelValue,
};

const formats: CelFunc[] = [
  ...Object.keys(FORMATS).map((name) => celFunc(`format.${name}`, [], DYN, () => opaque('format', { name }))),
  celMethod('validate', METHOD_OF, [STRING], DYN, function (text) {
    return celList(FORMATS[fieldOf(this, 'format', 'name')]?.(text) ?? []);
  }),
];

/** Strings (Kubernetes has them too) and what Kubernetes adds; our list functions also serve strings. */
export const libraries: CelFunc[] = [
  ...strings.filter((one) => one.name !== 'indexOf' && one.name !== 'lastIndexOf'),
  ...strings.filter((one) => one.name === 'indexOf' || one.name === 'lastIndexOf'),
  ...lists,
  ...regex,
  ...sets,
  ...urls,
  ...addresses,
  ...quantities,
  ...formats,
];

/** Every name that a rule may call, operators left out. */
export const functionNames: ReadonlySet<string> = new Set([
  ...libraries.map((one) => one.name),
  ...[
    'size',
    'contains',
    'startsWith',
    'endsWith',
    'matches',
    'type',
    'int',
    'uint',
    'double',
    'string',
    'bytes',
    'bool',
  ],
  ...['dyn', 'duration', 'timestamp', 'getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek'],
  ...['getDayOfYear', 'getHours', 'getMinutes', 'getSeconds', 'getMilliseconds'],
]);
