import { describe, expect, it } from 'vitest';
import { parseLabelSelector } from '../../../../src/apiserver/selectors/labels.ts';
import { SelectorError } from '../../../../src/apiserver/selectors/selectorError.ts';

describe('parseLabelSelector', () => {
  it.each([
    ['', {}, true],
    ['a', { a: '' }, true],
    ['a', {}, false],
    ['!a', {}, true],
    ['! a', { a: 'x' }, false],
    ['a=b', { a: 'b' }, true],
    ['a == b', { a: 'c' }, false],
    ['a!=b', {}, true],
    ['a!=b', { a: 'b' }, false],
    ['a in (x,y)', { a: 'y' }, true],
    ['a in (x,y)', {}, false],
    ['a in ()', { a: '' }, true],
    ['a in (,x)', { a: '' }, true],
    ['a notin (x , y)', { a: 'z' }, true],
    ['a notin (x)', {}, true],
    ['a>5', { a: '10' }, true],
    ['a<5', { a: '10' }, false],
    ['a>5', { a: 'ten' }, false],
    ['a=', { a: '' }, true],
    ['a=,b=c', { a: '', b: 'c' }, true],
    ['in in (in,notin)', { in: 'notin' }, true],
    ['name=r1,owner=helm', { name: 'r1', owner: 'helm', x: 'y' }, true],
    ['f in (x,y),kubernetes.io/z!=1', { f: 'x', 'kubernetes.io/z': '2' }, true],
    ['constructor', {}, false],
    ['!toString', {}, true],
  ])('%j on %j is %s', (text, labels, matches) => {
    expect(parseLabelSelector(text).matches(labels)).toBe(matches);
  });

  it('matches objects without labels when nothing is demanded', () => {
    expect(parseLabelSelector('').matches(undefined)).toBe(true);
    expect(parseLabelSelector('a').matches(undefined)).toBe(false);
  });

  it('sorts the requirements by key', () => {
    expect(parseLabelSelector('b,a=1').requirements).toEqual([
      { key: 'a', operator: '=', values: ['1'] },
      { key: 'b', operator: 'exists', values: [] },
    ]);
  });

  // Messages taken from k8s.io/apimachinery v0.35.
  it.each([
    ['a=b,', "found '', expected: identifier after ','"],
    [',a', "found ',', expected: !, identifier, or 'end of string'"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a in x', "unable to parse requirement: found 'x' expected: '('"],
    ['a in (x y)', "unable to parse requirement: found 'y', expected: ',' or ')'"],
    ['a=b c', "found 'c', expected: ',' or 'end of string'"],
    ['!', "unable to parse requirement: found '', expected: identifier"],
    ['a==(', "unable to parse requirement: found '(', expected: identifier"],
    [
      'a>x',
      `unable to parse requirement: values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer`,
    ],
    ['a=!', "unable to parse requirement: found '!', expected: identifier"],
  ])('refuses %j', (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(new SelectorError(message));
  });

  it('refuses keys and values that no label can have', () => {
    expect(() => parseLabelSelector('-a=b')).toThrow(
      /^unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of/,
    );
    expect(() => parseLabelSelector('a=b@')).toThrow(
      /^unable to parse requirement: values\[0\]\[a\]: Invalid value: "b@": a valid label must be/,
    );
  });
});
