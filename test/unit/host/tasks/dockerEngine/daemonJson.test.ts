import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  differing,
  isReloadable,
  printable,
  setMembers,
} from '../../../../../src/host/tasks/dockerEngine/daemonJson.ts';
import type { Json } from '../../../../../src/host/task.ts';

describe('setting members of daemon.json', () => {
  it.each([
    { name: 'an absent file', before: '', after: '{\n  "debug": true\n}\n' },
    { name: 'an empty object', before: '{}\n', after: '{\n  "debug": true\n}\n' },
    { name: 'an empty object with space', before: '{\n}\n', after: '{\n  "debug": true\n}\n' },
    { name: 'one line', before: '{"a": 1}', after: '{"a": 1, "debug": true}\n' },
    { name: 'one line with spaces', before: '{ "a": 1 }', after: '{ "a": 1, "debug": true }\n' },
    { name: 'tabs', before: '{\n\t"a": [\n\t\t1\n\t]\n}', after: '{\n\t"a": [\n\t\t1\n\t],\n\t"debug": true\n}\n' },
    {
      name: 'the member in place',
      before: '{\n    "debug" : false ,\n    "a": 1\n}\n',
      after: '{\n    "debug" : true ,\n    "a": 1\n}\n',
    },
    {
      name: 'a nested member of that name',
      before: '{"a": {"debug": false}}',
      after: '{"a": {"debug": false}, "debug": true}\n',
    },
    {
      name: 'a member in a string',
      before: '{"a": "\\"debug\\": false"}',
      after: '{"a": "\\"debug\\": false", "debug": true}\n',
    },
    { name: 'the last of a double member', before: '{"debug": 1, "debug": 2}', after: '{"debug": 1, "debug": true}\n' },
    { name: 'an escaped key', before: '{"d\\u0065bug": 1}', after: '{"d\\u0065bug": true}\n' },
    {
      name: 'numbers beyond JavaScript',
      before: '{"n": 12345678901234567890, "e": 1e400}',
      after: '{"n": 12345678901234567890, "e": 1e400, "debug": true}\n',
    },
  ])('keeps the rest: $name', ({ before, after }) => {
    expect(setMembers(before, new Map([['debug', true]]))).toBe(after);
  });

  const json = fc.jsonValue({ maxDepth: 3, noUnicodeString: false }) as fc.Arbitrary<Json>;
  const object = fc.dictionary(fc.string(), json, { maxKeys: 6 });
  const space = fc.constantFrom('', '  ', '    ', '\t');

  it('gives the merged object, whatever the values and the formatting', () => {
    fc.assert(
      fc.property(object, object, space, (current, wanted, indent) => {
        const text = JSON.stringify(current, null, indent);
        const result = setMembers(text, new Map(Object.entries(wanted)));
        const merged = JSON.parse(result) as Record<string, Json>;
        // -0 has no JSON of its own
        for (const [key, value] of Object.entries(wanted)) {
          expect(JSON.stringify(merged[key])).toBe(JSON.stringify(value));
        }
        for (const [key, value] of Object.entries(current)) {
          if (!Object.hasOwn(wanted, key)) expect(JSON.stringify(merged[key])).toBe(JSON.stringify(value));
        }
        expect(Object.keys(merged).sort()).toEqual(
          [...new Set([...Object.keys(current), ...Object.keys(wanted)])].sort(),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('applied twice equals once', () => {
    fc.assert(
      fc.property(object, object, space, (current, wanted, indent) => {
        const values = new Map(Object.entries(wanted));
        const once = setMembers(JSON.stringify(current, null, indent), values);
        expect(setMembers(once, values)).toBe(once);
        expect(differing(wanted, JSON.parse(once) as Record<string, Json>).size).toBe(0);
      }),
    );
  });
});

describe('keys of daemon.json', () => {
  it('differ by value, not by the order inside it', () => {
    const current = { a: { x: 1, y: [1, 2] }, b: 1 };
    expect([...differing({ a: { y: [1, 2], x: 1 }, b: 1 }, current)]).toEqual([]);
    expect([...differing({ a: { y: [2, 1], x: 1 }, c: null }, current).keys()]).toEqual(['a', 'c']);
  });

  it('are never inherited ones', () => {
    expect([...differing({ toString: 'x' }, {}).keys()]).toEqual(['toString']);
  });

  it.each([
    'live-restore',
    'debug',
    'labels',
    'registry-mirrors',
    'insecure-registries',
    'shutdown-timeout',
    'max-concurrent-downloads',
  ])('%s needs no restart', (key) => {
    expect(isReloadable(key)).toBe(true);
  });

  it.each(['log-driver', 'log-opts', 'data-root', 'storage-driver', 'hosts', 'default-address-pools', 'made-up'])(
    '%s needs a restart',
    (key) => {
      expect(isReloadable(key)).toBe(false);
    },
  );

  it('are shown without credentials', () => {
    const proxies = { 'http-proxy': 'http://anna:s3cret@proxy:3128', 'no-proxy': 'localhost' };
    expect(printable('proxies', proxies)).toBe('{"http-proxy":"http://[redacted]@proxy:3128","no-proxy":"localhost"}');
    expect(printable('log-opts', { 'splunk-token': 'abcd', 'max-size': '10m' })).toBe(
      '{"splunk-token":"[redacted]","max-size":"10m"}',
    );
    expect(printable('labels', ['x'.repeat(1000)])).toHaveLength(300);
  });
});
