import * as types from '../types/type.ts';
import { Address, CIDR, IP, Network, parseAddress, parseNetwork } from '../values/address.ts';
import { EvaluationError } from '../values/errors.ts';
import { noSuchOverload } from '../values/overload.ts';
import * as is from './declare.ts';
import { func, instance, method, type Library, type Overload } from './declare.ts';
import { succeeds } from './succeeds.ts';

const ip = instance(IP, Address);
const cidr = instance(CIDR, Network);

function property(id: string, holds: (bytes: readonly number[], four: boolean) => boolean): Overload[] {
  return [method(id, [ip], types.BOOL, ({ bytes }: Address) => holds(bytes, bytes.length === 4))];
}

const isZero = (bytes: readonly number[]) => bytes.every((byte) => byte === 0);
const isLoopback = (bytes: readonly number[], four: boolean) =>
  four ? bytes[0] === 127 : isZero(bytes.slice(0, 15)) && bytes[15] === 1;
const isLinkLocal = ([first = 0, second = 0]: readonly number[], four: boolean) =>
  four ? first === 169 && second === 254 : first === 0xfe && (second & 0xc0) === 0x80;
const isMulticast = ([first = 0]: readonly number[], four: boolean) =>
  four ? (first & 0xf0) === 0xe0 : first === 0xff;
const isLinkLocalMulticast = (bytes: readonly number[], four: boolean) => {
  const [first = 0, second = 0, third = 0] = bytes;
  return four ? first === 224 && second === 0 && third === 0 : first === 0xff && (second & 0x0f) === 2;
};
const isBroadcast = (bytes: readonly number[], four: boolean) => four && bytes.every((byte) => byte === 255);
const isGlobal = (bytes: readonly number[], four: boolean) =>
  !isBroadcast(bytes, four) &&
  !isZero(bytes) &&
  !isLoopback(bytes, four) &&
  !isMulticast(bytes, four) &&
  !isLinkLocal(bytes, four);

/** A text that is no address is a wrong argument, as in Kubernetes. */
function addressArgument(text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    throw error instanceof EvaluationError ? noSuchOverload() : error;
  }
}

const containsNetwork = (a: Network, b: Network) => a.contains(b.address) && a.bits <= b.bits;

/** Kubernetes' IP addresses and networks. */
export const addresses: Library = {
  ip: [
    func('string_to_ip', [is.STRING], IP, parseAddress),
    method('cidr_ip', [cidr], IP, (network: Network) => network.address),
  ],
  isIP: [func('is_ip', [is.STRING], types.BOOL, (text: string) => succeeds(() => parseAddress(text)))],
  'ip.isCanonical': [
    func('ip_is_canonical', [is.STRING], types.BOOL, (text: string) => parseAddress(text).text === text),
  ],
  family: [method('ip_family', [ip], types.INT, (address: Address) => BigInt(address.family))],
  isUnspecified: property('ip_is_unspecified', isZero),
  isLoopback: property('ip_is_loopback', isLoopback),
  isLinkLocalMulticast: property('ip_is_link_local_multicast', isLinkLocalMulticast),
  isLinkLocalUnicast: property('ip_is_link_local_unicast', isLinkLocal),
  isGlobalUnicast: property('ip_is_global_unicast', isGlobal),
  cidr: [func('string_to_cidr', [is.STRING], CIDR, parseNetwork)],
  isCIDR: [func('is_cidr', [is.STRING], types.BOOL, (text: string) => succeeds(() => parseNetwork(text)))],
  containsIP: [
    method('cidr_contains_ip_string', [cidr, is.STRING], types.BOOL, (network: Network, text: string) =>
      network.contains(addressArgument(text)),
    ),
    method('cidr_contains_ip_ip', [cidr, ip], types.BOOL, (network: Network, address: Address) =>
      network.contains(address),
    ),
  ],
  containsCIDR: [
    method('cidr_contains_cidr_string', [cidr, is.STRING], types.BOOL, (network: Network, text: string) =>
      containsNetwork(network, parseNetwork(text)),
    ),
    method('cidr_contains_cidr', [cidr, cidr], types.BOOL, containsNetwork),
  ],
  prefixLength: [method('cidr_prefix_length', [cidr], types.INT, (network: Network) => BigInt(network.bits))],
  masked: [
    method('cidr_masked', [cidr], CIDR, ({ address, bits }: Network) => new Network(address.masked(bits), bits)),
  ],
  string: [
    func('ip_to_string', [ip], types.STRING, (address: Address) => address.text),
    func('cidr_to_string', [cidr], types.STRING, (network: Network) => network.text),
  ],
};
