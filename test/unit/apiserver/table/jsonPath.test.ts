import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileJsonPath, JsonPathError } from '../../../../src/apiserver/table/jsonPath.ts';

const object = {
  metadata: { name: 'x', annotations: { 'a.b/c': 'dotted' } },
  spec: {
    replicas: 3,
    ports: [{ name: 'http', port: 80 }, { name: 'https', port: 443 }, { port: 1 }],
    list: [1, 2, 3, 4],
  },
  status: {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Syn)]c', status: 'False', n: 5 },
    ],
  },
};

describe('compileJsonPath', () => {
  it.each([
    ['.spec.replicas', [3]],
    ['{.spec.replicas}', [3]],
    ['$.spec.replicas', [3]],
    ['.spec.missing.deeper', []],
    ['.metadata.annotations.a\\.b/c', ['dotted']],
    [`.metadata.annotations['a.b/c']`, ['dotted']],
    ['.spec.ports[0].port', [80]],
    ['.spec.ports[-1].port', [1]],
    ['.spec.ports[9].port', []],
    ['.spec.ports[*].name', ['http', 'https']],
    ['.spec.list[1:3]', [2, 3]],
    ['.spec.list[:2]', [1, 2]],
    ['.spec.list[-2:]', [3, 4]],
    ['.spec.list[::2]', [1, 3]],
    ['.spec.list[0,2]', [1, 3]],
    ['.spec.list.*', [1, 2, 3, 4]],
    ['..port', [80, 443, 1]],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    [`.status.conditions[?(@.type=='Syn)]c')].status`, ['False']],
    ['.status.conditions[?(@.n)].type', ['Syn)]c']],
    ['.spec.ports[?(@.port>79)].name', ['http', 'https']],
    ['.spec.ports[?(@.port != 80)].port', [443, 1]],
    ['.status.conditions[?(@.type==1)].status', []],
    ['.constructor', []],
    ['.spec.replicas.x', []],
  ])('%s finds %j', (path, values) => {
    expect(compileJsonPath(path).find(object)).toEqual(values);
  });

  it('tells plain field paths from others', () => {
    expect(compileJsonPath('.spec.replicas').fields).toEqual(['spec', 'replicas']);
    expect(compileJsonPath('.spec.ports[0]').fields).toBeUndefined();
  });

  it.each(['spec', '.a[', '.a[x]', '.a[?(@.b', '"a', '.a[?(@.b=1)]', '.a....b', '.a[::0]', '~'])(
    'refuses %s',
    (path) => {
      expect(() => compileJsonPath(path)).toThrow(JsonPathError);
    },
  );

  it('never throws anything but JsonPathError', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('.[]?(@=="\'ab*:,-1\\ )$')) }), (path) => {
        try {
          compileJsonPath(path).find(object);
        } catch (error) {
          expect(error).toBeInstanceOf(JsonPathError);
        }
      }),
    );
  });
});
