import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { laidOut, wantsPretty } from '../../../../src/apiserver/http/pretty.ts';

const request = (url: string, agent?: string): IncomingMessage =>
  ({ url, headers: agent === undefined ? {} : { 'user-agent': agent } }) as unknown as IncomingMessage;

describe('JSON for a person', () => {
  it('is what JSON.stringify makes of any value, with two spaces', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(laidOut(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
      }),
    );
  });

  it('keeps numbers that a double would not', () => {
    expect(laidOut('{"a":9223372036854775807,"b":1.0}')).toBe('{\n  "a": 9223372036854775807,\n  "b": 1.0\n}');
  });

  it.each([
    { url: '/api?pretty=true', agent: undefined, pretty: true },
    { url: '/api?pretty=0', agent: 'curl/8.0', pretty: false },
    { url: '/api?pretty=', agent: 'curl/8.0', pretty: true },
    { url: '/api?a=pretty', agent: 'kubectl/v1.35', pretty: false },
    { url: '/api', agent: 'Mozilla/5.0 (X11)', pretty: true },
    { url: '/api', agent: 'Wget/1.21', pretty: true },
    { url: '/api', agent: undefined, pretty: false },
  ])('$url by $agent: $pretty', ({ url, agent, pretty }) => {
    expect(wantsPretty(request(url, agent))).toBe(pretty);
  });
});
