import type { JsonObject } from '../../codec/json.ts';
import { int32, object, text, time } from './build.ts';
import { kindSchema } from './meta.ts';

const lease = kindSchema('A lock with an end, for electing a leader.', {
  spec: object('Who holds it, and until when.', {
    holderIdentity: text('Who holds the lease; empty = nobody.'),
    leaseDurationSeconds: int32('Others wait this long after renewTime before they take it.'),
    acquireTime: time('When the holder took it.'),
    renewTime: time('When the holder last renewed it.'),
    leaseTransitions: int32('How often the holder changed.'),
    strategy: text('How the next holder is chosen.'),
    preferredHolder: text('Who shall take over.'),
  }),
});

/** Components of coordination.k8s.io/v1. */
export const coordinationComponents: Readonly<Record<string, JsonObject>> = {
  'io.k8s.api.coordination.v1.Lease': lease,
};
