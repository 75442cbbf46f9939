import { afterEach } from 'vitest';
import { underWatch } from './underWatch.ts';

// Loaded before every integration and e2e test file.
afterEach(async ({ task }) => {
  const { planes, benches } = underWatch;
  if (planes.size + benches.size === 0 || task.result?.state === 'fail') return;
  // loaded only where there is something to look at
  const { expectInvariants } = await import('./invariants.ts');
  await expectInvariants();
});
