import { describe, expect, it } from 'vitest';
import { InFlight } from '../../../../src/apiserver/http/inflight.ts';

describe('InFlight', () => {
  it('refuses with 429 and Retry-After what is over the limit and not exempt, reads and writes apart', () => {
    const inFlight = new InFlight({ reads: 2, writes: 1 });
    const leave = inFlight.enter(false, 'a');
    inFlight.enter(false, 'a');
    inFlight.enter(true, 'a');
    for (const mutating of [true, false]) {
      expect(() => inFlight.enter(mutating, 'b')).toThrow(
        expect.objectContaining({
          code: 429,
          status: expect.objectContaining({ details: { retryAfterSeconds: 1 } }) as unknown,
        }),
      );
    }
    inFlight.enter(false, 'b', true);
    expect(inFlight.counts).toEqual({ reads: 3, writes: 1 });
    leave();
    leave();
    inFlight.enter(true, 'b', true)();
    expect(inFlight.counts).toEqual({ reads: 2, writes: 1 });
    expect(() => inFlight.enter(false, 'a')).toThrow();
  });

  it('leaves a quarter to others when one user takes all that he can', () => {
    const inFlight = new InFlight({ reads: 8, writes: 4 });
    const greedy = Array.from({ length: 6 }, () => inFlight.enter(false, 'greedy'));
    expect(() => inFlight.enter(false, 'greedy')).toThrow(expect.objectContaining({ code: 429 }));
    inFlight.enter(true, 'greedy')();
    inFlight.enter(false, 'other');
    greedy[0]!();
    inFlight.enter(false, 'greedy');
    inFlight.enter(false, 'other');
    expect(() => inFlight.enter(false, 'third')).toThrow(expect.objectContaining({ code: 429 }));
    expect(inFlight.counts).toEqual({ reads: 8, writes: 0 });
  });

  it('tells when nothing runs any more', async () => {
    const inFlight = new InFlight();
    await inFlight.drained();
    const leave = inFlight.enter(true, 'a');
    let drained = false;
    const waiting = inFlight.drained().then(() => (drained = true));
    await Promise.resolve();
    expect(drained).toBe(false);
    leave();
    await waiting;
    expect(drained).toBe(true);
  });
});
