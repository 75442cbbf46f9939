import { describe, expect, it } from 'vitest';
import { CliError, exitCode } from '../../../src/cli/exitCodes.ts';
import { parseHost } from '../../../src/cli/hostArgument.ts';

describe('parseHost', () => {
  it.each([
    ['203.0.113.10', { user: 'root', address: '203.0.113.10', addressType: 'IPv4', port: 22 }],
    ['ops@203.0.113.10:2222', { user: 'ops', address: '203.0.113.10', addressType: 'IPv4', port: 2222 }],
    ['2001:db8::10', { user: 'root', address: '2001:db8::10', addressType: 'IPv6', port: 22 }],
    ['ops@[2001:db8::10]:2222', { user: 'ops', address: '2001:db8::10', addressType: 'IPv6', port: 2222 }],
    ['[2001:db8::10]', { user: 'root', address: '2001:db8::10', addressType: 'IPv6', port: 22 }],
    ['eu-1.example.org', { user: 'root', address: 'eu-1.example.org', addressType: 'FQDN', port: 22 }],
    ['db', { user: 'root', address: 'db', addressType: 'Hostname', port: 22 }],
    ['me@example.org@db:22', { user: 'me@example.org', address: 'db', addressType: 'Hostname', port: 22 }],
  ])('reads %s', (text, expected) => {
    expect(parseHost(text)).toEqual(expected);
  });

  it.each([
    ['', /"" is no IP address and no DNS name|write/],
    ['root@', /write \[user@\]address/],
    ['@203.0.113.10', /"" is no user name/],
    ['ro ot@203.0.113.10', /"ro ot" is no user name/],
    ['203.0.113.10:0', /port "0" is not a number from 1 to 65535/],
    ['203.0.113.10:65536', /port "65536"/],
    ['203.0.113.10:ssh', /port "ssh"/],
    ['203.0.113.10:', /port ""/],
    ['203.0.113.400', /no IPv4 address/],
    ['2001:db8::10:22:x', /needs brackets/],
    ['[2001:db8::zz]:22', /no IPv6 address/],
    ['-oProxyCommand=x', /no DNS name/],
    ['ho$(id)st', /no DNS name/],
  ])('refuses %j and names what is wrong', (text, message) => {
    const error = thrownBy(() => parseHost(text));
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`--host "${text}"`);
    expect(error.exitCode).toBe(exitCode.usage);
  });
});

function thrownBy(act: () => unknown): CliError {
  try {
    act();
  } catch (error) {
    if (error instanceof CliError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
