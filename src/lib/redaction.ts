const MASK = '[redacted]';
/** Shorter values would blank out ordinary words; every credential Hostler makes is longer. */
const MIN_LENGTH = 4;

/**
 * Knows the secrets that were read and takes them out of text. A net below the real rule, which is
 * that secrets are never put into messages at all.
 *
 * Not guaranteed: secrets in an encoding other than plain, base64 or JSON-escaped are found.
 */
export class Redactor {
  readonly #values = new Map<string, number>();

  /** Registers `secret` (each line of it too, as keys are printed line by line). Returns its release. */
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
    let result = text;
    // longest first: a secret that contains another must go as a whole
    for (const value of [...this.#values.keys()].sort((a, b) => b.length - a.length)) {
      if (result.includes(value)) result = result.replaceAll(value, MASK);
    }
    return result;
  }
}

function formsOf(secret: string): string[] {
  const lines = secret.split(/\r?\n/).map((line) => line.trim());
  return [secret.trim(), ...lines]
    .filter((value) => value.length >= MIN_LENGTH && !value.startsWith('-----'))
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1), Buffer.from(value).toString('base64')]);
}

/** The process's redactor: the logger, the event recorder and status messages all pass through it. */
export const redactor = new Redactor();
