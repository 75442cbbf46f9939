import type { JsonValue } from '../codec/json.ts';

/** A compiled JSONPath of kube's dialect (`.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`). */
export interface JsonPath {
  readonly text: string;
  /** Every value found, in order; [] when something on the way is missing. */
  find(value: JsonValue): JsonValue[];
}

/** A path that cannot be compiled. */
export class JsonPathError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JsonPathError';
  }
}

/** Compiles `text` (with or without the leading dot or surrounding braces). @throws JsonPathError. */
export function compileJsonPath(text: string): JsonPath {
  throw new JsonPathError(`not implemented: ${text}`);
}
