import { AsyncLocalStorage } from 'node:async_hooks';

const MASK = '[redacted]';
/** Shorter values would blank out ordinary words; every credential Hostler makes is longer. */
const MIN_LENGTH = 4;
/** Of a line of a key: all but the last have 64 to 76 characters. */
const MIN_LINE_LENGTH = 16;

/**
 * Knows the secrets that were read and takes them out of text. A net below the real rule, which is
 * that secrets are never put into messages at all.
 *
 * Not guaranteed: secrets in an encoding other than plain, base64 or JSON-escaped are found.
 */
export class Redactor {
  readonly #values = new Map<string, number>();

  /** Registers `secret` (each line of a private key too, as keys are printed line by line). Returns its release. */
  register(secret: string): () => void {
    const forms = [...new Set(formsOf(secret))];
    for (const form of forms) this.#values.set(form, (this.#values.get(form) ?? 0) + 1);
    return () => {
      for (const form of forms.splice(0)) {
        const count = (this.#values.get(form) ?? 1) - 1;
        if (count <= 0) this.#values.delete(form);
        else this.#values.set(form, count);
      }
    };
  }

  /** `text` with every registered secret replaced by `[redacted]`. */
  redact(text: string): string {
    return masked(text, [...this.#values.keys()]);
  }
}

/** What was read of one Secret. */
interface Kept {
  version: string;
  forms: readonly string[];
}

/**
 * A redactor for many owners who do not trust each other. What is kept within a scope is taken out of that scope's text
 * alone: else whoever has a text redacted could try out which passwords others have, or make theirs unreadable by
 * ordinary words in a Secret of his own.
 */
class ScopedRedactor extends Redactor {
  readonly #scope = new AsyncLocalStorage<string>();
  /** By scope, then by Secret. */
  readonly #kept = new Map<string, Map<string, Kept>>();
  /** By Secret: one that many scopes keep is in memory once. */
  readonly #newest = new Map<string, Kept>();

  /** Runs `act`, and all that it waits for, in that scope. */
  within<T>(scope: string, act: () => T): T {
    return this.#scope.run(scope, act);
  }

  /** Keeps the values of one version of a Secret, in place of those of another version, for the current scope. */
  keep(secret: string, version: string, values: readonly string[]): void {
    const scope = this.#scope.getStore() ?? '';
    const own = this.#kept.get(scope) ?? new Map<string, Kept>();
    this.#kept.set(scope, own);
    if (own.get(secret)?.version === version) return;
    const newest = this.#newest.get(secret);
    const kept = newest?.version === version ? newest : { version, forms: [...new Set(values.flatMap(formsOf))] };
    this.#newest.set(secret, kept);
    own.set(secret, kept);
  }

  /** Drops what the current scope kept: its owner is gone. */
  forget(): void {
    const scope = this.#scope.getStore() ?? '';
    for (const secret of this.#kept.get(scope)?.keys() ?? []) this.#newest.delete(secret);
    this.#kept.delete(scope);
  }

  /** Within a scope without what that scope kept; outside of any without what was registered. */
  override redact(text: string): string {
    const scope = this.#scope.getStore();
    const own = [...(this.#kept.get(scope ?? '')?.values() ?? [])].flatMap(({ forms }) => forms);
    const result = masked(text, own);
    return scope === undefined ? super.redact(result) : result;
  }
}

function masked(text: string, values: string[]): string {
  let result = text;
  // longest first: a secret that contains another must go as a whole
  const found = values.filter((value) => text.includes(value)).sort((a, b) => b.length - a.length);
  for (const value of found) result = result.replaceAll(value, MASK);
  return result;
}

function formsOf(secret: string): string[] {
  const whole = secret.trim();
  return [...(whole.length >= MIN_LENGTH ? [whole] : []), ...keyLinesOf(secret)].flatMap((value) => [
    value,
    JSON.stringify(value).slice(1, -1),
    Buffer.from(value).toString('base64'),
  ]);
}

/** Lines of any other text would blank out what they say elsewhere. */
function keyLinesOf(secret: string): string[] {
  if (!secret.includes('-----BEGIN ')) return [];
  const lines = secret.split(/\r?\n/).map((line) => line.trim());
  return lines.filter((line) => line.length >= MIN_LINE_LENGTH && !line.startsWith('-----'));
}

/** The process's redactor: the logger, the event recorder and status messages all pass through it. */
export const redactor = new ScopedRedactor();
