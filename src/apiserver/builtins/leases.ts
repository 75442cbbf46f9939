import type { FieldError } from '../schema/fieldErrors.ts';
import { objectAt } from '../registry/object.ts';
import { AGE, namesOf, type BuiltinDefinition } from './definition.ts';
import { invalidValue } from './fieldChecks.ts';

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
    tracksGeneration: false,
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
      return errors;
    },
  },
  columns: [
    { name: 'Holder', type: 'string', description: 'Who holds the lease.', jsonPath: '.spec.holderIdentity' },
    AGE,
  ],
};
