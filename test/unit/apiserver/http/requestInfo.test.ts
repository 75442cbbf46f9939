import { describe, expect, it } from 'vitest';
import { parseRequest } from '../../../../src/apiserver/http/requestInfo.ts';

describe('parseRequest', () => {
  it.each([
    ['GET', '/api/v1/namespaces', { verb: 'list', resource: 'namespaces', namespace: '', name: '' }],
    ['GET', '/api/v1/namespaces/a', { verb: 'get', resource: 'namespaces', namespace: 'a', name: 'a' }],
    [
      'PUT',
      '/api/v1/namespaces/a/status',
      { verb: 'update', resource: 'namespaces', name: 'a', subresource: 'status' },
    ],
    ['PUT', '/api/v1/namespaces/a/finalize', { resource: 'namespaces', name: 'a', subresource: 'finalize' }],
    ['GET', '/api/v1/namespaces/a/secrets', { verb: 'list', resource: 'secrets', namespace: 'a', name: '' }],
    ['POST', '/api/v1/namespaces/a/secrets', { verb: 'create', resource: 'secrets', namespace: 'a' }],
    ['DELETE', '/api/v1/namespaces/a/secrets', { verb: 'deletecollection', resource: 'secrets' }],
    ['DELETE', '/api/v1/namespaces/a/secrets/b', { verb: 'delete', resource: 'secrets', name: 'b' }],
    ['GET', '/api/v1/secrets?watch=true', { verb: 'watch', resource: 'secrets', namespace: '' }],
    ['GET', '/api/v1/secrets?watch=false', { verb: 'list' }],
    ['GET', '/api/v1/secrets?watch=0', { verb: 'list' }],
    ['GET', '/api/v1/secrets?watch', { verb: 'watch' }],
    ['GET', '/api/v1/namespaces/a/secrets/b?watch=1', { verb: 'get', name: 'b' }],
    ['GET', '/api/v1/watch/namespaces/a/secrets/b', { verb: 'watch', resource: 'secrets', namespace: 'a', name: 'b' }],
    ['GET', '/api/v1/watch/secrets', { verb: 'watch', resource: 'secrets', namespace: '' }],
    [
      'PATCH',
      '/apis/g.io/v2/namespaces/a/things/b/scale',
      { verb: 'patch', group: 'g.io', version: 'v2', subresource: 'scale', name: 'b' },
    ],
    ['GET', '/apis/g.io/v2/things/b/status/more', { name: 'b', subresource: 'status', rest: ['more'] }],
    ['HEAD', '/api/v1/namespaces/a', { verb: 'get' }],
  ])('reads %s %s', (method, url, expected) => {
    expect(parseRequest(method, url)).toMatchObject({ isResource: true, ...expected });
  });

  it.each([
    '/',
    '/api',
    '/api/v1',
    '/apis',
    '/apis/g.io',
    '/apis/g.io/v1',
    '/version',
    '/healthz/ping',
    '/openapi/v3/api/v1',
  ])('takes %s for no resource', (url) => {
    expect(parseRequest('GET', url)).toMatchObject({ isResource: false, verb: 'get' });
  });

  it('decodes percent escapes in the path once and plus signs in the query', () => {
    const info = parseRequest('GET', '/api/v1/namespaces/a%2Fb/secrets/c%2525?labelSelector=a+in+%28b%29');
    expect(info).toMatchObject({ namespace: 'a/b', name: 'c%25' });
    expect(info.query.get('labelSelector')).toBe('a in (b)');
  });

  it('throws URIError for a broken escape', () => {
    expect(() => parseRequest('GET', '/api/v1/%zz')).toThrow(URIError);
  });
});
