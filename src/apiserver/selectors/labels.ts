import { aggregate, errorText, invalid } from '../schema/fieldErrors.ts';
import type { FieldError } from '../schema/fieldErrors.ts';
import { checkLabelValue, checkQualifiedName } from '../schema/names.ts';
import { SelectorError } from './selectorError.ts';
import { scan } from './labelTokens.ts';
import type { Token } from './labelTokens.ts';

/** One term of a label selector. */
interface Requirement {
  key: string;
  operator: 'in' | 'notin' | '=' | '==' | '!=' | 'exists' | '!' | 'gt' | 'lt';
  values: readonly string[];
}

/** The labels of an object as they stand in its metadata. */
type Labels = Readonly<Record<string, unknown>>;

/** A parsed label selector. */
export interface LabelSelector {
  /** Sorted by key. */
  requirements: readonly Requirement[];
  /** True for every object when there is no requirement. */
  matches(labels: Labels | undefined): boolean;
}

/**
 * Parses the `labelSelector` parameter (already URL-decoded): `a=b,c!=d,e in (x,y),!f,g>1`.
 * @throws SelectorError  Answer 400 BadRequest with its message.
 */
export function parseLabelSelector(text: string): LabelSelector {
  const requirements = new Parser(scan(text)).selector();
  requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const terms = requirements.map((requirement) => ({ ...requirement, wanted: new Set(requirement.values) }));
  return {
    requirements,
    matches: (labels = {}) => terms.every((term) => satisfies(term, labels)),
  };
}

/** A requirement with its values to look up what a label has. */
type Term = Requirement & { wanted: ReadonlySet<string> };

function satisfies({ key, operator, values, wanted }: Term, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  if (typeof value !== 'string') return operator === '!' || operator === 'notin' || operator === '!=';
  switch (operator) {
    case 'exists':
      return true;
    case '!':
      return false;
    case 'in':
    case '=':
    case '==':
      return wanted.has(value);
    case 'notin':
    case '!=':
      return !wanted.has(value);
    case 'gt':
    case 'lt':
      return compares(operator, value, values[0] ?? '');
  }
}

function compares(operator: 'gt' | 'lt', value: string, bound: string): boolean {
  if (!isInt64(value)) return false;
  return operator === 'gt' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
}

const BINARY: Readonly<Record<string, Requirement['operator']>> = {
  in: 'in',
  notin: 'notin',
  '=': '=',
  '==': '==',
  '!=': '!=',
  '>': 'gt',
  '<': 'lt',
};

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  selector(): Requirement[] {
    const requirements: Requirement[] = [];
    if (this.#peek().kind === 'end') return requirements;
    for (;;) {
      const token = this.#peek();
      if (!startsRequirement(token)) throw expected(token, "!, identifier, or 'end of string'");
      requirements.push(this.#requirement());
      const next = this.#take();
      if (next.kind === 'end') return requirements;
      if (next.text !== ',') throw expected(next, "',' or 'end of string'");
      if (!startsRequirement(this.#peek())) throw expected(this.#peek(), "identifier after ','");
    }
  }

  #requirement(): Requirement {
    try {
      const negated = this.#peek().text === '!';
      if (negated) this.#take();
      const key = this.#take();
      if (key.kind !== 'word') throw expected(key, 'identifier');
      check([...checkQualifiedName(key.text)].length === 0 ? [] : [badKey(key.text)]);
      const { kind, text } = this.#peek();
      if (negated || kind === 'end' || text === ',') {
        return { key: key.text, operator: negated ? '!' : 'exists', values: [] };
      }
      return this.#comparison(key.text);
    } catch (error) {
      if (error instanceof SelectorError) throw new SelectorError(`unable to parse requirement: ${error.message}`);
      throw error;
    }
  }

  #comparison(key: string): Requirement {
    const token = this.#take();
    const operator = Object.hasOwn(BINARY, token.text) ? BINARY[token.text] : undefined;
    if (operator === undefined) throw expected(token, 'in, notin, =, ==, !=, gt, lt');
    const values = operator === 'in' || operator === 'notin' ? this.#values() : [this.#exactValue()];
    check(values.flatMap((value, index) => checkValue(key, operator, value, index)));
    return { key, operator, values };
  }

  #exactValue(): string {
    const { kind, text } = this.#peek();
    if (kind === 'end' || text === ',') return '';
    const token = this.#take();
    if (token.kind !== 'word') throw expected(token, 'identifier');
    return token.text;
  }

  /** `(a,b)`; empty places stand for the empty value. */
  #values(): string[] {
    const open = this.#take();
    if (open.text !== '(') throw new SelectorError(`found '${open.text}' expected: '('`);
    const values = new Set<string>();
    for (;;) {
      const isWord = this.#peek().kind === 'word';
      values.add(isWord ? this.#take().text : '');
      const next = this.#take();
      if (next.text === ')') return [...values].sort();
      if (next.text !== ',') throw expected(next, "',' or ')'");
    }
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '' };
  }

  #take(): Token {
    const token = this.#peek();
    this.#at++;
    return token;
  }
}

function startsRequirement({ kind, text }: Token): boolean {
  return kind === 'word' || text === '!';
}

function expected(token: Token, what: string): SelectorError {
  return new SelectorError(`found '${token.text}', expected: ${what}`);
}

function badKey(key: string): FieldError {
  return invalid('', key, checkQualifiedName(key).join('; '));
}

function checkValue(key: string, operator: Requirement['operator'], value: string, index: number): FieldError[] {
  const errors = checkLabelValue(value);
  const bad = errors.length === 0 ? [] : [invalid(`values[${index}][${key}]`, value, errors.join('; '))];
  if ((operator === 'gt' || operator === 'lt') && !isInt64(value)) {
    bad.unshift(invalid(`values[${index}]`, value, "for 'Gt', 'Lt' operators, the value must be an integer"));
  }
  return bad;
}

function check(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw new SelectorError(aggregate(errors.map(errorText)));
}

function isInt64(text: string): boolean {
  return /^[+-]?[0-9]{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}
