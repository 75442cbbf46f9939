import type { JsonObject } from '../codec/json.ts';
import { forbidden, notSupported, type FieldError } from '../schema/fieldErrors.ts';
import { objectAt, textAt } from '../registry/object.ts';
import { checkQualifiedName } from '../schema/names.ts';
import { AGE, namesOf, type BuiltinDefinition } from './definition.ts';
import { invalidValue, toUtc } from './fieldChecks.ts';

/** coordination.k8s.io/v1 Lease. */
export const leases: BuiltinDefinition = {
  group: 'coordination.k8s.io',
  version: 'v1',
  names: namesOf('Lease', 'leases'),
  namespaced: true,
  component: 'io.k8s.api.coordination.v1.Lease',
  strategy: {
    nameRule: 'DNS1123Subdomain',
    // a holder that lost its lease must not overwrite the new one
    allowUnconditionalUpdate: false,
    createOnUpdate: true,
    tracksGeneration: false,
    prepareForCreate: tidyLease,
    prepareForUpdate: tidyLease,
    validate(object) {
      const spec = objectAt(object, 'spec');
      const errors: FieldError[] = [];
      const duration = spec?.['leaseDurationSeconds'];
      if (typeof duration === 'number' && duration <= 0) {
        errors.push(invalidValue('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
      }
      const transitions = spec?.['leaseTransitions'];
      if (typeof transitions === 'number' && transitions < 0) {
        errors.push(invalidValue('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
      }
      return [...errors, ...strategyErrors(textAt(spec, 'strategy'), textAt(spec, 'preferredHolder'))];
    },
  },
  columns: [
    { name: 'Holder', type: 'string', description: 'Who holds the lease.', jsonPath: '.spec.holderIdentity' },
    AGE,
  ],
};

/** Go's struct is always there, with times of UTC. */
function tidyLease(object: JsonObject): void {
  const spec = objectAt(object, 'spec') ?? {};
  object['spec'] = spec;
  toUtc(spec, 'acquireTime', 'renewTime');
}

const OWN_STRATEGIES = ['OldestEmulationVersion'];

/** How the next holder is chosen: a name of ours, or a qualified one of somebody else. */
function strategyErrors(strategy: string, preferredHolder: string): FieldError[] {
  const field = 'spec.strategy.strategy';
  if (strategy === '') {
    return preferredHolder === ''
      ? []
      : [forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined')];
  }
  if (strategy.includes('/')) return checkQualifiedName(strategy).map((text) => invalidValue(field, strategy, text));
  return OWN_STRATEGIES.includes(strategy) ? [] : [notSupported(field, strategy, OWN_STRATEGIES)];
}
