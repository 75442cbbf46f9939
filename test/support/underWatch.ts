import type { Fleet } from '../hosts/fleet.ts';
import type { ControlPlane } from './controlPlane.ts';
import type { ServerBench } from './serverBench.ts';

/**
 * What this test file has made and not yet removed: its invariants are checked after every test. A module of its own,
 * which loads nothing, since every test file loads it.
 */
export const underWatch = {
  planes: new Set<ControlPlane>(),
  fleets: new Set<Fleet>(),
  benches: new Set<ServerBench>(),
};
