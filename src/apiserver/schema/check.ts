import { canonicalText, isJsonObject, stringifyJson } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import type { CheckNode } from './checkNode.ts';
import { checkNumber, checkText, isOneOf, jsonTypeOf } from './checkScalars.ts';
import type { Finding } from './checkScalars.ts';
import { correlateIndex, correlateKey, isUnchanged } from './correlate.ts';
import type { Correlated } from './correlate.ts';
import { errorText, notSupported, required, tooLong, tooMany } from './fieldErrors.ts';
import type { FieldError, FieldErrorType } from './fieldErrors.ts';
import { goQuote } from './goText.ts';

/** Errors of one object that are looked for; more help nobody. */
const MAX_ERRORS = 200;

/**
 * Validates `value` against the keywords of a schema, with the errors of kube-openapi in its order.
 * @param pair  On update: the value beside its old one; what is wrong in an unchanged part is not reported.
 */
export function checkValue(value: JsonValue, node: CheckNode, pair?: Correlated): FieldError[] {
  const checker = new Checker();
  checker.check(value, node, pair);
  const seen = new Set<string>();
  return checker.errors.filter((error) => {
    const text = `${error.type} ${errorText(error)}`;
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}

class Checker {
  errors: FieldError[] = [];
  /** How much fitted; of the alternatives of anyOf and oneOf the one that fits best explains the failure. */
  #matches = 0;
  /** Inside an alternative every value is looked at: its matches count. */
  #trying = 0;
  readonly #path: (string | number)[] = [];

  check(value: JsonValue, node: CheckNode, pair: Correlated | undefined): void {
    // the very node of the old object: what is wrong in it would be excused below
    if (this.#trying === 0 && pair !== undefined && pair.value === pair.old && isUnchanged(pair)) return;
    const before = this.errors.length;
    if (before < MAX_ERRORS) this.#checkAll(value, node, pair);
    if (this.errors.length > before && pair !== undefined && isUnchanged(pair)) this.errors.length = before;
  }

  #checkAll(value: JsonValue, node: CheckNode, pair: Correlated | undefined): void {
    this.#type(value, node);
    if (value === null) {
      this.#enum(value, node);
      return;
    }
    this.#alternatives(value, node, pair);
    if (typeof value === 'string') this.#text(value, node);
    else if (typeof value === 'number' || typeof value === 'bigint') this.#number(value, node);
    else if (Array.isArray(value)) this.#list(value, node, pair);
    this.#enum(value, node);
    if (isJsonObject(value)) this.#object(value, node, pair);
    this.#matches++;
  }

  #type(value: JsonValue, { types, nullable }: CheckNode): void {
    if (types.length === 0) return;
    const type = jsonTypeOf(value);
    const fits =
      types.includes(type) || (value === null && nullable) || (type === 'integer' && types.includes('number'));
    if (fits) this.#matches += 2;
    else {
      const detail = `${this.#name()} in body must be of type ${types.join(',')}: ${goQuote(type)}`;
      this.#add('FieldValueTypeInvalid', type, detail);
    }
  }

  #enum(value: JsonValue, node: CheckNode): void {
    if (node.enum === undefined || isOneOf(value, node.enum)) {
      this.#matches++;
      return;
    }
    const allowed = node.enum.map((item) => (typeof item === 'string' ? item : stringifyJson(item)));
    this.errors.push(notSupported(this.#field(), value, allowed));
  }

  #text(value: string, { text }: CheckNode): void {
    this.#matches++;
    if (text === undefined) return;
    const finding = checkText(value, text);
    if (finding !== undefined) this.#found(finding, value);
    if (text.hasFormat === undefined) return;
    if (text.hasFormat(value)) this.#matches++;
    else {
      const detail = `must be of type ${text.format ?? ''}: ${goQuote(value)}`;
      this.#found({ type: 'FieldValueTypeInvalid', text: detail }, value);
    }
  }

  #number(value: number | bigint, { number }: CheckNode): void {
    this.#matches += 2;
    if (number === undefined) return;
    for (const finding of checkNumber(value, number)) this.#found(finding, value);
  }

  #list(items: JsonValue[], node: CheckNode, pair: Correlated | undefined): void {
    this.#matches += 2;
    const { items: item, minItems, maxItems } = node;
    if (item !== undefined) {
      items.forEach((value, index) => {
        this.#path.push(index);
        this.check(value, item, pair === undefined ? undefined : correlateIndex(pair, index));
        this.#path.pop();
      });
    }
    if (minItems !== undefined && items.length < minItems) {
      this.#found({ type: 'FieldValueInvalid', text: `should have at least ${minItems} items` }, items.length);
    }
    if (maxItems !== undefined && items.length > maxItems) {
      this.errors.push(tooMany(this.#field(), items.length, maxItems));
    }
    if (node.uniqueItems && hasDuplicates(items)) {
      this.#found({ type: 'FieldValueInvalid', text: "shouldn't contain duplicates" }, '');
    }
  }

  #object(object: JsonObject, node: CheckNode, pair: Correlated | undefined): void {
    this.#matches++;
    const keys = Object.keys(object);
    this.#size(keys.length, node);
    for (const key of keys) {
      const child = node.properties.get(key) ?? node.additional;
      if (typeof child === 'object') {
        const below = pair === undefined ? undefined : this.#correlate(pair, key);
        this.#path.push(key);
        this.check(object[key] ?? null, child, below);
        this.#path.pop();
      } else if (child === false) this.#forbid(key);
    }
    for (const key of node.required) {
      if (!Object.hasOwn(object, key)) this.errors.push(required(join(this.#field(), key)));
    }
  }

  #size(count: number, { minProperties, maxProperties }: CheckNode): void {
    if (minProperties !== undefined && count < minProperties) {
      this.#found({ type: 'FieldValueInvalid', text: `should have at least ${minProperties} properties` }, count);
    }
    if (maxProperties !== undefined && count > maxProperties) {
      this.errors.push(tooMany(this.#field(), count, maxProperties));
    }
  }

  #forbid(key: string): void {
    const detail = `${this.#name()}.${key} in body is a forbidden property`;
    this.#add('FieldValueInvalid', key, detail);
  }

  /** apiVersion and kind of the object itself are never excused: they look unchanged after every conversion. */
  #correlate(pair: Correlated, key: string): Correlated | undefined {
    if (this.#path.length === 0 && (key === 'apiVersion' || key === 'kind')) return undefined;
    return correlateKey(pair, key);
  }

  #alternatives(value: JsonValue, { alternatives }: CheckNode, pair: Correlated | undefined): void {
    this.#matches += 2;
    if (alternatives === undefined) return;
    const { anyOf, oneOf, allOf, not } = alternatives;
    if (anyOf.length > 0) this.#anyOf(anyOf.map((option) => () => this.#try(value, option, pair)));
    if (oneOf.length > 0) this.#oneOf(oneOf.map((option) => this.#try(value, option, pair)));
    if (allOf.length > 0) this.#allOf(allOf.map((option) => this.#try(value, option, pair)));
    if (not !== undefined && this.#try(value, not, pair).errors.length === 0) {
      this.#addWhole('must not validate the schema (not)');
    }
  }

  #anyOf(options: readonly (() => Attempt)[]): void {
    const failures: Attempt[] = [];
    for (const option of options) {
      const attempt = option();
      if (attempt.errors.length === 0) {
        this.#matches += attempt.matches;
        return;
      }
      failures.push(attempt);
    }
    this.#addWhole('must validate at least one schema (anyOf)');
    this.#merge(best(failures));
  }

  #oneOf(attempts: readonly Attempt[]): void {
    const valid = attempts.filter((attempt) => attempt.errors.length === 0);
    const [first] = valid;
    if (valid.length === 1 && first !== undefined) {
      this.#matches += first.matches;
      return;
    }
    const found = valid.length === 0 ? 'Found none valid' : `Found ${valid.length} valid alternatives`;
    this.#addWhole(`must validate one and only one schema (oneOf). ${found}`);
    if (valid.length === 0) this.#merge(best(attempts));
  }

  #allOf(attempts: readonly Attempt[]): void {
    for (const attempt of attempts) this.#merge(attempt);
    const failed = attempts.filter((attempt) => attempt.errors.length > 0);
    if (failed.length === 0) return;
    this.#addWhole(
      `must validate all the schemas (allOf)${failed.length === attempts.length ? '. None validated' : ''}`,
    );
  }

  #try(value: JsonValue, node: CheckNode, pair: Correlated | undefined): Attempt {
    const [errors, matches] = [this.errors, this.#matches];
    this.errors = [];
    this.#matches = 0;
    this.#trying++;
    // Only members are compared with their old values here; the node itself is judged by the schema around it.
    this.#checkAll(value, node, pair);
    this.#trying--;
    const attempt = { errors: this.errors, matches: this.#matches };
    this.errors = errors;
    this.#matches = matches;
    return attempt;
  }

  #merge(attempt: Attempt | undefined): void {
    if (attempt === undefined) return;
    this.errors.push(...attempt.errors);
    this.#matches += attempt.matches;
  }

  #found({ type, text }: Finding, value: JsonValue): void {
    if (type === 'FieldValueTooLong') this.errors.push(tooLong(this.#field(), Number(text)));
    else this.#add(type, value, `${this.#name()} in body ${text}`);
  }

  #add(type: FieldErrorType, badValue: JsonValue, detail: string): void {
    this.errors.push({ type, field: this.#field(), badValue, detail });
  }

  /** Errors about a combination of schemas have no value and no path of their own in kube. */
  #addWhole(text: string): void {
    this.errors.push({
      type: 'FieldValueInvalid',
      field: '<nil>',
      badValue: '',
      detail: `${goQuote(this.#name())} ${text}`,
    });
  }

  #name(): string {
    return this.#path.reduce<string>(
      (text, part) => (typeof part === 'number' ? `${text}[${part}]` : join(text, part)),
      '',
    );
  }

  #field(): string {
    return this.#name() || '<nil>';
  }
}

/** What one alternative of anyOf, oneOf or allOf said. */
interface Attempt {
  errors: FieldError[];
  matches: number;
}

function best(attempts: readonly Attempt[]): Attempt | undefined {
  return attempts.reduce<Attempt | undefined>(
    (found, attempt) => (found === undefined || attempt.matches > found.matches ? attempt : found),
    undefined,
  );
}

function hasDuplicates(items: readonly JsonValue[]): boolean {
  return new Set(items.map(canonicalText)).size < items.length;
}

function join(path: string, key: string): string {
  return path === '' || path === '<nil>' ? key : `${path}.${key}`;
}
