import { describe, expect, it } from 'vitest';
import { accepts, fixedAPI, minimumAPI } from '../../../src/host/compatibility.ts';

describe('what proxies speak to the engine', () => {
  it.each([
    ['Traefik', '3.5', '1.24'],
    ['Traefik', 'v3.6.0', '1.24'],
    ['Traefik', '3.6.0-alpine', '1.24'],
    ['Traefik', '3.6.1', undefined],
    ['Traefik', '3.6', undefined],
    ['Traefik', '3', undefined],
    ['Traefik', '4.0', undefined],
    ['Traefik', '2.11.30', '1.24'],
    ['Traefik', '2.11.31', undefined],
    ['Traefik', '2.11', undefined],
    ['Traefik', '2.10', '1.24'],
    ['Traefik', '1.7.34', '1.24'],
    ['Traefik', 'latest', undefined],
    ['Nginx', '1.28', undefined],
    ['NginxProxyManager', '2', undefined],
  ])('%s %s: %s', (type, version, api) => expect(fixedAPI(type, version)).toBe(api));

  it.each([
    ['5:29.0.0-1~debian.12~bookworm', '1.44'],
    ['29', '1.44'],
    ['28.5.2', '1.24'],
    ['20.10.24+dfsg1-1', '1.24'],
    ['>=27', undefined],
    ['', undefined],
  ])('an engine %s accepts %s and newer', (engine, minimum) => expect(minimumAPI(engine)).toBe(minimum));

  it.each([
    ['1.44', '1.24', false],
    ['1.44', '1.44', true],
    ['1.24', '1.44', true],
    ['1.44', '2.0', true],
    ['1.9', '1.24', true],
    ['unreadable', '1.24', true],
  ])('%s accepts %s: %s', (minimum, spoken, accepted) => expect(accepts(minimum, spoken)).toBe(accepted));
});
