import { rejected } from '../../http/status.ts';
import { refOf, type Call } from '../../registry/call.ts';
import type { Failure, Findings } from './evaluation.ts';
import type { Binding, Policy } from './policyIndex.ts';

const FAILURE_KEY = 'validation.policy.admission.k8s.io/validation_failure';

/** What all policies say of one request. */
export class Verdict {
  readonly #call: Call;
  /** The first one, which is told. */
  #denial: { message: string; reason: string } | undefined;

  constructor(call: Call) {
    this.#call = call;
  }

  of(policy: Policy): PolicyVerdict {
    return new PolicyVerdict(policy, this.#call, (message, reason) => {
      this.#denial ??= { message, reason };
    });
  }

  /** @throws ApiError when a policy denied the request. */
  pass(): void {
    if (this.#denial === undefined) return;
    // of a collection that is deleted, the object that is judged is not told
    const about = { ...refOf(this.#call), name: this.#call.name || 'Unknown' };
    throw rejected(about, this.#denial.message, this.#denial.reason);
  }
}

/** What one policy says of it. */
export class PolicyVerdict {
  readonly policy: Policy;
  readonly #call: Call;
  readonly #deny: (message: string, reason: string) => void;
  readonly #annotations = new Map<string, Set<string>>();

  constructor(policy: Policy, call: Call, deny: (message: string, reason: string) => void) {
    this.policy = policy;
    this.#call = call;
    this.#deny = deny;
  }

  /** The policy, or the binding, cannot be used: whatever the binding does about failures. */
  misconfigured(problem: string, binding?: Binding): void {
    if (!this.policy.failsClosed) return;
    const what = binding === undefined ? 'policy' : 'binding';
    this.#deny(`${this.#where(binding)} denied request: failed to configure ${what}: ${problem}`, '');
  }

  add({ failures, annotations, problems }: Findings, binding: Binding): void {
    for (const failure of failures) this.#act(failure, binding);
    for (const problem of problems) this.#deny(`${this.#where(binding)} denied request: ${problem}`, '');
    for (const { key, value } of annotations) {
      this.#annotations.set(key, (this.#annotations.get(key) ?? new Set<string>()).add(value));
    }
  }

  /** Puts annotations into the audit log: what several bindings or parameters made of one, side by side. */
  publish(): void {
    for (const [key, values] of this.#annotations) {
      this.#call.annotate?.(`${this.policy.name}/${key}`, [...values].join(', '));
    }
  }

  #act({ message, reason, index }: Failure, binding: Binding): void {
    const { actions } = binding;
    if (actions.has('Deny')) this.#deny(`${this.#where(binding)} denied request: ${message}`, reason);
    if (actions.has('Warn')) this.#call.warnings.push(`Validation failed for ${this.#where(binding)}: ${message}`);
    if (!actions.has('Audit')) return;
    const entry = {
      message,
      policy: this.policy.name,
      binding: binding.name,
      expressionIndex: index,
      validationActions: [...actions],
    };
    this.#call.annotate?.(FAILURE_KEY, JSON.stringify([entry]));
  }

  #where(binding?: Binding): string {
    const policy = `ValidatingAdmissionPolicy '${this.policy.name}'`;
    return binding === undefined ? policy : `${policy} with binding '${binding.name}'`;
  }
}
