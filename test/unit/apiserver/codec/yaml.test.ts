import fc from 'fast-check';
import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { yamlText } from '../../../../src/apiserver/codec/yamlText.ts';
import { BodyError } from '../../../../src/apiserver/codec/bodyError.ts';
import { parseYaml } from '../../../../src/apiserver/codec/yaml.ts';

describe('parseYaml', () => {
  it.each([
    ['a: yes\nb: on\nc: "yes"\nd: No', { a: true, b: true, c: 'yes', d: false }],
    ['a: 0777\nb: 0x1f\nc: 0b11\nd: 1_000\ne: 0o17\nf: -5', { a: 511, b: 31, c: 3, d: 1000, e: 15, f: -5 }],
    ['a: 9007199254740993\nb: 1.5\nc: 1e3\nd: .5', { a: 9007199254740993n, b: 1.5, c: 1000, d: 0.5 }],
    ['a: 2020-01-01\nb: 12:30:45\nc: 1.2.3\nd: -x', { a: '2020-01-01', b: '12:30:45', c: '1.2.3', d: '-x' }],
    ['a: ~\nb:\nc: null\nd: ""', { a: null, b: null, c: null, d: '' }],
    ['1: a\ntrue: b\nno: c', { '1': 'a', true: 'b', false: 'c' }],
    ['x: &x {a: 1, b: 2}\nz: {<<: *x, b: 3}', { x: { a: 1, b: 2 }, z: { a: 1, b: 3 } }],
    ['a: !!str 5\nb: !!int "5"\nc: !!binary aGk=', { a: '5', b: 5, c: 'hi' }],
    ['a: |\n  x\n  y\nb: >-\n  x\n  y', { a: 'x\ny\n', b: 'x y' }],
    ['a: 1\n---\nb: 2', { a: 1 }],
    ['{"json": [1, true, null, "x"]}', { json: [1, true, null, 'x'] }],
    ['', null],
  ])('reads %j as kube does', (text, value) => {
    expect(parseYaml(text).value).toEqual(value);
  });

  it('reads back any JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = JSON.stringify(value);
        if (/__proto__|-0|[0-9]{16}/.test(json)) return;
        expect(parseYaml(json.replaceAll('\u007f', ' ')).value).toEqual(JSON.parse(json.replaceAll('\u007f', ' ')));
      }),
    );
  });

  it('reads block style', () => {
    const value = { spec: { list: [{ name: 'a', on: false }, { name: 'b' }], text: 'x: y # z' } };
    expect(parseYaml(stringify(value, { version: '1.1' })).value).toEqual(value);
  });

  it('notices repeated keys with their paths and lines', () => {
    expect(parseYaml('spec:\n  a: 1\n  l:\n  - x: 1\n    x: 2\n  a: 2')).toEqual({
      value: { spec: { a: 2, l: [{ x: 2 }] } },
      duplicateFields: ['spec.l[0].x', 'spec.a'],
      repeatedKeys: ['line 5: key "x" already set in map', 'line 6: key "a" already set in map'],
    });
  });

  it.each([
    ['flow lists', '['.repeat(100_000)],
    ['flow maps', '{a: '.repeat(1000)],
    ['compact lists', '- '.repeat(100_000)],
    ['compact keys', '? '.repeat(100_000)],
    ['indentation', Array.from({ length: 400 }, (_, level) => `${' '.repeat(level)}a:`).join('\n')],
  ])('refuses %s nested too deeply before the library sees them', (_name, text) => {
    expect(() => parseYaml(text)).toThrow('exceeded max depth of 200 for YAML');
  });

  it('refuses YAML above 256 KiB, but takes JSON of that size', () => {
    expect(() => parseYaml(`a: ${'x'.repeat(300_000)}`)).toThrow(expect.objectContaining({ code: 413 }));
    expect(parseYaml(`{"a":"${'x'.repeat(300_000)}"}`).value).toEqual({ a: 'x'.repeat(300_000) });
  });

  it.each([
    ['a: [1', /error converting YAML to JSON/],
    ['a: *nope', /YAML|anchor/],
    ['__proto__: {x: 1}', /__proto__/],
    ['? [a]\n: 1', /cannot be a key/],
    ['a: .inf', /unsupported value/],
  ])('refuses %s', (text, message) => {
    const read = (): unknown => parseYaml(text);
    expect(read).toThrow(BodyError);
    expect(read).toThrow(message);
  });

  it('refuses a billion-laughs document, which it could never expand', () => {
    const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
    for (let level = 1; level < 12; level++)
      lines.push(
        `a${level}: &a${level} [${Array(10)
          .fill(`*a${level - 1}`)
          .join(',')}]`,
      );
    expect(() => parseYaml(lines.join('\n'))).toThrow('excessive aliasing');
  });
});

it('writes integers that are too large for a double', () => {
  expect(yamlText({ a: 9007199254740993n })).toBe('a: 9007199254740993\n');
});
