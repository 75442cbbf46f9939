import { describe, expect, it } from 'vitest';
import { acceptClauses, negotiate, type Transform } from '../../../../src/apiserver/http/negotiate.ts';

const ALL = new Set<Transform>(['Table', 'PartialObjectMetadata']);

describe('negotiate', () => {
  it('takes JSON when nothing or anything is asked for', () => {
    for (const accept of [undefined, '', '*/*', 'application/*', 'application/json', 'application/json;stream=watch']) {
      expect(negotiate(accept, ALL), accept).toMatchObject({ encoding: 'json', transform: 'None' });
    }
  });

  it('takes the first form it can make', () => {
    const kubectl =
      'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';
    expect(negotiate(kubectl, ALL)).toMatchObject({ transform: 'Table', version: 'v1' });
    expect(negotiate(kubectl, new Set())).toMatchObject({ transform: 'None' });
    expect(negotiate('application/vnd.kubernetes.protobuf, application/json', ALL).encoding).toBe('json');
    expect(negotiate('application/yaml', ALL).encoding).toBe('yaml');
  });

  it('goes by q', () => {
    expect(negotiate('application/json;q=0.5, application/yaml;q=0.9', ALL).encoding).toBe('yaml');
    expect(acceptClauses('a/b;q=0, c/d').map((clause) => clause.type)).toEqual(['c/d']);
  });

  it.each([
    'application/vnd.kubernetes.protobuf',
    'text/html',
    'application/json;as=Table;v=v2;g=meta.k8s.io',
    'application/json;as=Table;v=v1;g=other.io',
    'application/json;as=Nothing;v=v1;g=meta.k8s.io',
    ';;;',
    ',',
  ])('answers 406 to %s', (accept) => {
    expect(() => negotiate(accept, ALL)).toThrow(expect.objectContaining({ code: 406 }));
  });
});
