import { SelectorError } from './selectorError.ts';

/** One term of a field selector; `==` is normalised to `=`. */
interface FieldRequirement {
  field: string;
  operator: '=' | '!=';
  value: string;
}

/** A parsed field selector. */
export interface FieldSelector {
  requirements: readonly FieldRequirement[];
  /** @param valueOf  The object's value of a field as text; '' when it has none. */
  matches(valueOf: (field: string) => string): boolean;
  /** The value `field` must have, when the selector demands one by `=` (for lists and watches of one name). */
  requiresExactly(field: string): string | undefined;
}

/**
 * Parses the `fieldSelector` parameter (already URL-decoded): `metadata.name=x,status.phase!=Y`, with `\,` `\=` `\\` in
 * values.
 * @throws SelectorError  Answer 400 BadRequest with its message.
 */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements = splitTerms(text)
    .filter((term) => term !== '')
    // as kube-apiserver does: of two values for one field the first counts where one is asked for
    .sort()
    .map((term) => parseTerm(term, text));
  return {
    requirements,
    matches: (valueOf) =>
      requirements.every(({ field, operator, value }) => (valueOf(field) === value) === (operator === '=')),
    requiresExactly: (field) =>
      requirements.find((requirement) => requirement.field === field && requirement.operator === '=')?.value,
  };
}

function splitTerms(text: string): string[] {
  return text.match(/(?:\\[^]|[^,\\]|\\$)+/g) ?? [];
}

function parseTerm(term: string, selector: string): FieldRequirement {
  const match = /^([^=!]*(?:![^=!]+)*)(!=|==|=)([^]*)$/.exec(term);
  if (match === null) throw new SelectorError(`invalid selector: '${selector}'; can't understand '${term}'`);
  const [, field = '', operator, value = ''] = match;
  return { field, operator: operator === '!=' ? '!=' : '=', value: unescape(value) };
}

function unescape(value: string): string {
  const bare = /(?<!\\)(?:\\\\)*([,=])/.exec(value);
  if (bare !== null) {
    throw new SelectorError(`invalid field selector: unescaped character in value: ${String(bare[1]?.codePointAt(0))}`);
  }
  return value.replace(/\\([^]?)/g, (sequence, char: string) => {
    if (char === '\\' || char === ',' || char === '=') return char;
    throw new SelectorError(`invalid field selector: invalid escape sequence: ${sequence}`);
  });
}
