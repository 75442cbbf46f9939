import { describe, expect, it } from 'vitest';
import { InFlight } from '../../../../src/apiserver/http/inflight.ts';

describe('InFlight', () => {
  it('refuses with 429 and Retry-After what is over the limit and not exempt, reads and writes apart', () => {
    const inFlight = new InFlight({ reads: 2, writes: 1 });
    const leave = inFlight.enter(false);
    inFlight.enter(false);
    inFlight.enter(true);
    for (const mutating of [true, false]) {
      expect(() => inFlight.enter(mutating)).toThrow(
        expect.objectContaining({
          code: 429,
          status: expect.objectContaining({ details: { retryAfterSeconds: 1 } }) as unknown,
        }),
      );
    }
    inFlight.enter(false, true);
    expect(inFlight.counts).toEqual({ reads: 3, writes: 1 });
    leave();
    leave();
    inFlight.enter(true, true)();
    expect(inFlight.counts).toEqual({ reads: 2, writes: 1 });
    expect(() => inFlight.enter(false)).toThrow();
  });

  it('tells when nothing runs any more', async () => {
    const inFlight = new InFlight();
    await inFlight.drained();
    const leave = inFlight.enter(true);
    let drained = false;
    const waiting = inFlight.drained().then(() => (drained = true));
    await Promise.resolve();
    expect(drained).toBe(false);
    leave();
    await waiting;
    expect(drained).toBe(true);
  });
});
