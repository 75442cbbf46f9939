import { DYN, structOf, type CelType } from '../types/type.ts';

/** Of these, other expressions see what a variable is; of the rest, what it is shows at run time. */
const PLAIN: ReadonlySet<CelType['kind']> = new Set([
  ...(['bool', 'bytes', 'double', 'duration', 'int', 'null_type', 'string', 'timestamp', 'uint'] as const),
]);

/**
 * The variable `variables`: those of a policy, which its expressions may use once they were added.
 * Source: k8s.io/apiserver pkg/admission/plugin/cel/composition.go (v0.35).
 */
export class ComposedVariables {
  readonly #fields = new Map<string, CelType>();
  readonly type = structOf('kubernetes.variables', this.#fields);

  add(name: string, type: CelType): void {
    this.#fields.set(name, seenFromOutside(type));
  }
}

function seenFromOutside(type: CelType): CelType {
  if (type.kind === 'list' || type.kind === 'map') return { ...type, params: type.params.map(seenFromOutside) };
  return PLAIN.has(type.kind) ? type : DYN;
}
