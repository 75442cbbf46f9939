import { describe, expect, it } from 'vitest';
import { readListOptions } from '../../../../src/apiserver/registry/listOptions.ts';

const read = (query: string, verb: 'list' | 'watch'): ReturnType<typeof readListOptions> =>
  readListOptions(new URLSearchParams(query), verb);

describe('readListOptions', () => {
  it('lets a watch without a version begin with what is there', () => {
    for (const query of ['', 'resourceVersion=0', 'resourceVersion=']) {
      expect(read(query, 'watch'), query).toMatchObject({ sendInitialEvents: true, versionMatch: 'NotOlderThan' });
    }
    expect(read('resourceVersion=5', 'watch').sendInitialEvents).toBeUndefined();
  });

  it.each([
    ['list', 'resourceVersionMatch=Exact', 422],
    ['list', 'resourceVersionMatch=Exact&resourceVersion=0', 422],
    ['list', 'resourceVersionMatch=NotOlderThan&resourceVersion=1&continue=x', 422],
    ['list', 'resourceVersionMatch=Never&resourceVersion=1', 422],
    ['list', 'sendInitialEvents=false', 422],
    ['list', 'resourceVersion=1&continue=x', 400],
    ['list', 'resourceVersion=-1', 422],
    ['list', 'limit=many', 400],
    ['list', 'includeObject=Some', 400],
    ['watch', 'sendInitialEvents=true', 422],
    ['watch', 'sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=1', 422],
    ['watch', 'resourceVersionMatch=NotOlderThan&resourceVersion=1', 422],
  ] as const)('refuses %s with %s', (verb, query, code) => {
    expect(() => read(query, verb)).toThrow(expect.objectContaining({ code }));
  });

  it('takes a negative limit for none', () => {
    expect(read('limit=-5', 'list').limit).toBe(0);
  });
});
