/** One term of a field selector; `==` is normalised to `=`. */
export interface FieldRequirement {
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

/** Parses the `fieldSelector` parameter (already URL-decoded): `metadata.name=x,status.phase!=Y`. @throws SelectorError. */
export function parseFieldSelector(text: string): FieldSelector {
  throw new Error(`not implemented: ${text}`);
}
