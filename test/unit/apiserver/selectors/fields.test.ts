import { describe, expect, it } from 'vitest';
import { parseFieldSelector } from '../../../../src/apiserver/selectors/fields.ts';

const valueOf = (fields: Record<string, string>) => (field: string) => fields[field] ?? '';

describe('parseFieldSelector', () => {
  it.each([
    ['', {}, true],
    ['metadata.name=x', { 'metadata.name': 'x' }, true],
    ['metadata.name==x', { 'metadata.name': 'y' }, false],
    ['status.phase!=Active', { 'status.phase': '' }, true],
    ['a=1,b!=2', { a: '1', b: '3' }, true],
    ['a=1,b!=2', { a: '1', b: '2' }, false],
    [String.raw`a=x\,y\=z\\`, { a: 'x,y=z\\' }, true],
    ['a=', {}, true],
  ])('%j on %j is %s', (text, fields, matches) => {
    expect(parseFieldSelector(text).matches(valueOf(fields))).toBe(matches);
  });

  it('tells which value of a field is demanded', () => {
    const selector = parseFieldSelector('metadata.name=x,metadata.namespace!=y');
    expect(selector.requiresExactly('metadata.name')).toBe('x');
    expect(selector.requiresExactly('metadata.namespace')).toBeUndefined();
  });

  it.each([
    ['a', "invalid selector: 'a'; can't understand 'a'"],
    ['a=1,b', "invalid selector: 'a=1,b'; can't understand 'b'"],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
    [String.raw`a=b\x`, String.raw`invalid field selector: invalid escape sequence: \x`],
    ['a=b\\', 'invalid field selector: invalid escape sequence: \\'],
  ])('refuses %j', (text, message) => {
    expect(() => parseFieldSelector(text)).toThrow(message);
  });
});
