import { describe, expect, it } from 'vitest';
import { observeScript, type Look, type PlacedFragment } from '../../../src/host/observeScript.ts';
import { parseRecords } from '../../../src/host/records.ts';
import { localSession, shells } from '../../support/localSession.ts';

const nonce = 'a'.repeat(32);
const look = (over: Partial<Look> = {}): Look => ({
  nonce,
  signature: '',
  forcePackages: false,
  rarely: false,
  ...over,
});
const always = (scope: number, script: string, args: string[] = []): PlacedFragment => ({
  scope,
  script,
  args,
  pace: 'always',
});

describe.each(shells)('the observe script under $name', ({ shell }) => {
  async function run(fragments: PlacedFragment[], how = look()) {
    const session = localSession({ shell });
    try {
      const result = await session.run(observeScript(fragments, how));
      expect(result).toMatchObject({ exitCode: 0, stderr: '' });
      return parseRecords(result.stdout, nonce);
    } finally {
      session.remove();
    }
  }

  it('gives each fragment its own arguments, whatever they hold', async () => {
    const nasty = [`'"$(id)\`id\``, '', '-n', 'two\nlines', '3'];
    const records = await run([
      always(1, 'put all "$#:$*"', []),
      always(2, 'put count "$#"; put first "$1"; put fourth "$4"', nasty),
      always(3, 'put only "$1"', ['last']),
    ]);
    expect(records.get(1)!.text('all')).toBe('0:');
    expect(records.get(2)!.text('count')).toBe('5');
    expect(records.get(2)!.text('first')).toBe(nasty[0]);
    expect(records.get(2)!.text('fourth')).toBe(nasty[3]);
    expect(records.get(3)!.text('only')).toBe('last');
  });

  it('marks a fragment that came to its end, and survives one that does not', async () => {
    const records = await run([
      always(1, 'put before 1; exit 3'),
      always(2, '[ -n "${1-}" ] || exit 4; put never 1'),
      always(3, 'false; put after 1'),
    ]);
    expect(records.get(1)!.status('hostler.done')).toBeUndefined();
    expect(records.get(3)!.text('after')).toBe('1');
    expect(records.get(3)!.status('hostler.done')).toBe(0);
  }, 20_000);

  it('keeps the fragments apart', async () => {
    const records = await run([
      always(1, 'leak=1; cd /; PATH=/nowhere'),
      always(2, 'put leak "${leak:-none}"; run tool true'),
    ]);
    expect(records.get(2)!.text('leak')).toBe('none');
    expect(records.get(2)!.status('tool')).toBe(0);
  });

  it('runs the package fragments only for another signature or when forced', async () => {
    const fragments: PlacedFragment[] = [
      { scope: 1, script: 'put ran packages', args: ['x'], pace: 'packages' },
      { scope: 2, script: 'put ran rarely', args: ['y'], pace: 'rarely' },
      always(3, 'put arg "$1"', ['z']),
    ];
    const first = await run(fragments);
    const signature = first.get(0)!.text('signature')!;
    const ran = (records: typeof first): boolean[] =>
      [1, 2].map((scope) => records.get(scope)?.text('ran') !== undefined);
    expect(ran(first)).toEqual([signature !== '', false]);
    expect(ran(await run(fragments, look({ signature })))).toEqual([false, false]);
    expect(ran(await run(fragments, look({ signature, forcePackages: true })))).toEqual([true, false]);
    const rarely = await run(fragments, look({ signature, rarely: true }));
    expect(ran(rarely)).toEqual([false, true]);
    expect(rarely.get(3)!.text('arg')).toBe('z');
  });
});
