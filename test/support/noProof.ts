import type { ApplyOptions } from '../../src/host/apply.ts';
import { systemClock } from '../../src/lib/clock.ts';

/** Nothing here could lock anybody out. */
export const noProof: ApplyOptions['proof'] = {
  begin: () => Promise.reject(new Error('no change here is provisional')),
  prove: () => Promise.reject(new Error('no change here is provisional')),
  clock: systemClock,
};

/** Nothing here is brought to a host. */
export const noArtifacts: ApplyOptions['artifacts'] = {
  read: () => Promise.reject(new Error('no change here brings anything')),
};
