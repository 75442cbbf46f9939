import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BodyError } from '../../../../src/apiserver/codec/bodyError.ts';
import { cloneJson, equalJson, shareEqual, stringifyJson } from '../../../../src/apiserver/codec/json.ts';
import { parseExactJson, parseJson, parseStoredJson } from '../../../../src/apiserver/codec/jsonParser.ts';

const jsonText = fc
  .jsonValue()
  .map((value) => JSON.stringify(value))
  .filter((text) => !/__proto__|[0-9]{16}/.test(text));

describe('parseJson', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        expect(parseJson(text).value).toEqual(JSON.parse(text));
      }),
    );
  });

  it('says of texts full of traps what it says when it goes through them character by character', () => {
    const space = fc.constantFrom('', '', '', ' ', '\n\t');
    const key = fc.constantFrom(
      ...['"a"', '"b"', '":"', String.raw`"\":"`, String.raw`"\u0061"`, '"__proto__"', '"1"'],
      ...[String.raw`"\\"`, String.raw`"\\\":"`],
    );
    const scalar = fc.constantFrom(
      ...['1', '-0', '-0.0', '1e400', '9007199254740993', '"9007199254740993"', '0.1234567890123456789', '1e2', 'nul'],
      ...['true', 'null', '""', '":x"', String.raw`"a\":b"`, String.raw`"\ud800"`, '"é😀"', '"\n"', '01', "'x'", ''],
    );
    const { text: texts } = fc.letrec<{ text: string }>((tie) => {
      const member = fc.tuple(key, space, space, tie('text')).map(([name, a, b, value]) => `${name}${a}:${b}${value}`);
      const list = (items: fc.Arbitrary<string>): fc.Arbitrary<string> =>
        fc.tuple(space, fc.array(items, { maxLength: 4 })).map(([a, all]) => `${a}${all.join(`,${a}`)}${a}`);
      return {
        text: fc.oneof(
          { maxDepth: 4 },
          scalar,
          list(member).map((inside) => `{${inside}}`),
          list(tie('text')).map((inside) => `[${inside}]`),
        ),
      };
    });
    const outcome = (parse: () => unknown): unknown => {
      try {
        return parse();
      } catch (error) {
        return error;
      }
    };
    fc.assert(
      fc.property(texts, (text) => {
        expect(outcome(() => parseJson(text))).toStrictEqual(outcome(() => parseExactJson(text)));
      }),
      { numRuns: 500 },
    );
    const deep = `${'[1,'.repeat(1001)}2${']'.repeat(1001)}`;
    expect(() => parseJson(deep)).toThrow('exceeded max depth');
  });

  it('reads strings of any characters and escapes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parseJson(JSON.stringify(text)).value).toBe(text);
      }),
    );
    expect(parseJson(String.raw`"\ud83d\ude00 \/\b\f\n\r\t\u00e9"`).value).toBe('😀 /\b\f\n\r\té');
    expect(parseJson(String.raw`"a\ud800b"`).value).toBe('a\ufffdb');
  });

  it('keeps every digit of an int64 and writes it back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (integer) => {
        expect(stringifyJson(parseJson(`{"a":[${integer}]}`).value)).toBe(`{"a":[${integer}]}`);
      }),
    );
  });

  it('finds a long integer wherever it stands in the text', () => {
    for (let length = 0; length <= 40; length++) {
      const text = `{"${'k'.repeat(length)}":9007199254740993}`;
      const expected = { ['k'.repeat(length)]: 9007199254740993n };
      expect(parseJson(text).value).toEqual(expected);
      expect(parseStoredJson(text)).toEqual(expected);
    }
  });

  it('uses number wherever a number is exact', () => {
    expect(parseJson('[9007199254740991,9007199254740993,1.5,1e3,-0,18446744073709551616]').value).toEqual([
      9007199254740991,
      9007199254740993n,
      1.5,
      1000,
      0,
      18446744073709552000,
    ]);
  });

  it.each([
    ['{"a":1,"a":2}', ['a']],
    ['{"spec":{"x":1,"y":[{"b":1},{"c":1,"c":2,"c":3}],"x":2}}', ['spec.y[1].c', 'spec.x']],
    ['[{"a":1},{"a":1}]', []],
    [String.raw`{"a":1,"\u0061":2}`, ['a']],
  ])('finds the repeated keys of %s', (text, paths) => {
    expect(parseJson(text).duplicateFields).toEqual(paths);
  });

  it('lets the last of repeated keys win', () => {
    expect(parseJson('{"a":1,"a":2}').value).toEqual({ a: 2 });
  });

  it.each([
    ['', 'unexpected end of JSON input'],
    ['{', 'unexpected end of JSON input'],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b":2}', `invalid character '"' after object key:value pair`],
    ['[1 2]', "invalid character '2' after array element"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
    ['nul', 'unexpected end of JSON input'],
    ['nulx', "invalid character 'x' in literal null"],
    ['"\n"', String.raw`invalid character '\n' in string literal`],
    [String.raw`"\x"`, "invalid character 'x' in string escape code"],
    ['01', "invalid character '1' after top-level value"],
    ['1e999', 'cannot unmarshal number 1e999 into Go value of type float64'],
    ['{"__proto__":{"polluted":true}}', 'the object key "__proto__" is not supported'],
  ])('refuses %j', (text, message) => {
    expect(() => parseJson(text)).toThrow(new BodyError(400, message));
  });

  it('reads 1000 levels and refuses more', () => {
    expect(() => parseJson('['.repeat(1000) + ']'.repeat(1000))).not.toThrow();
    expect(() => parseJson('['.repeat(1_000_000))).toThrow(new BodyError(400, 'exceeded max depth of 1000'));
  });

  it('never throws anything but BodyError, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          jsonText.map((t) => t.slice(1)),
          jsonText.map((t) => t.replace(/[:,]/, '}')),
        ),
        (text) => {
          try {
            parseJson(text);
          } catch (error) {
            expect(error).toBeInstanceOf(BodyError);
          }
        },
      ),
    );
  });

  it('keeps keys that objects inherit apart from inherited members', () => {
    expect(parseJson('{"constructor":1,"toString":2}').duplicateFields).toEqual([]);
  });
});

describe('parseStoredJson', () => {
  it('reads back what stringifyJson wrote, exactly', () => {
    const value = {
      small: 1,
      big: 9223372036854775807n,
      text: '12345678901234567890',
      deep: [{ n: -9007199254740993n }],
    };
    expect(parseStoredJson(stringifyJson(value))).toEqual(value);
    expect(parseStoredJson('{"a":[1,2.5,null]}')).toEqual({ a: [1, 2.5, null] });
  });

  it('reads what is nested deeper than a request may be: it would be lost', () => {
    const text = `${'[1,'.repeat(1100)}9007199254740993${']'.repeat(1100)}`;
    expect(stringifyJson(parseStoredJson(text))).toBe(text);
  });
});

describe('equalJson and cloneJson', () => {
  it('a clone is equal, shares nothing, and the order of keys does not matter', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        const value = parseJson(text).value;
        const copy = cloneJson(value);
        expect(equalJson(value, copy)).toBe(true);
        if (typeof value === 'object' && value !== null) expect(copy).not.toBe(value);
      }),
    );
    expect(equalJson({ a: 1, b: [2n] }, { b: [2n], a: 1 })).toBe(true);
    expect(equalJson({ a: 1 }, { a: 1, b: null })).toBe(false);
    expect(equalJson({ toString: 1 }, { x: 1 })).toBe(false);
    expect(equalJson([1], { 0: 1 })).toBe(false);
  });
});

describe('shareEqual', () => {
  const json = jsonText.map((text) => parseJson(text).value);
  const few = fc.dictionary(fc.constantFrom('a', 'b', 'c'), json).map((value) => ({ ...value }));

  it('is equal to the value and leaves both as they are', () => {
    fc.assert(
      fc.property(fc.oneof(json, few), fc.oneof(json, few), (value, old) => {
        const before = structuredClone([value, old]);
        expect(shareEqual(value, old)).toEqual(value);
        expect([value, old]).toEqual(before);
      }),
    );
  });

  it('is the old value where nothing changed, and shares every other part that did not', () => {
    fc.assert(
      fc.property(few, few, (old, added) => {
        expect(shareEqual(structuredClone(old), old)).toBe(old);
        const shared = shareEqual(structuredClone({ old, added }), { old }) as Record<string, unknown>;
        expect(shared['old']).toBe(old);
      }),
    );
  });
});
