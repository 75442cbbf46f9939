/** One term of a label selector. */
export interface Requirement {
  key: string;
  operator: 'in' | 'notin' | '=' | '==' | '!=' | 'exists' | '!' | 'gt' | 'lt';
  values: readonly string[];
}

/** A parsed label selector. */
export interface LabelSelector {
  requirements: readonly Requirement[];
  /** True for every object when there is no requirement. */
  matches(labels: Readonly<Record<string, unknown>> | undefined): boolean;
}

/** Text that is no selector: answer 400 BadRequest with this message (`unable to parse requirement: …`). */
export class SelectorError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SelectorError';
  }
}

/** Parses the `labelSelector` parameter (already URL-decoded): `a=b,c!=d,e in (x,y),!f,g>1`. @throws SelectorError. */
export function parseLabelSelector(text: string): LabelSelector {
  throw new SelectorError(`not implemented: ${text}`);
}
