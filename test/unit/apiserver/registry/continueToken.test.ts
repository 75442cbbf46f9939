import { describe, expect, it } from 'vitest';
import { decodeContinue, encodeContinue } from '../../../../src/apiserver/registry/continueToken.ts';

const PREFIX = '/registry/core/secrets/a/';
const token = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('continue tokens', () => {
  it('come back as they went out', () => {
    for (const revision of [7, -1]) {
      const position = { revision, start: `${PREFIX}name\0` };
      expect(decodeContinue(encodeContinue(position, PREFIX), PREFIX)).toEqual(position);
    }
  });

  it('never lead out of the list they were made for', () => {
    for (const start of ['../b/x', 'a/../../b', './a', '/registry/core/secrets/b/x']) {
      expect(() => decodeContinue(token({ v: 'meta.k8s.io/v1', rv: 1, start }), PREFIX), start).toThrow(
        expect.objectContaining({ code: 400 }),
      );
    }
    const other = decodeContinue(
      encodeContinue({ revision: 1, start: `${PREFIX}b` }, PREFIX),
      '/registry/core/secrets/c/',
    );
    expect(other.start).toBe('/registry/core/secrets/c/b');
  });

  it.each([
    ['no JSON', 'xyz'],
    ['another version', token({ v: 'v2', rv: 1, start: 'a' })],
    ['no start', token({ v: 'meta.k8s.io/v1', rv: 1, start: '' })],
    ['revision 0', token({ v: 'meta.k8s.io/v1', rv: 0, start: 'a' })],
    ['a revision that is no number', token({ v: 'meta.k8s.io/v1', rv: '1', start: 'a' })],
    ['null', token(null)],
  ])('are refused when they hold %s', (_, text) => {
    expect(() => decodeContinue(text, PREFIX)).toThrow(expect.objectContaining({ code: 400 }));
  });
});
