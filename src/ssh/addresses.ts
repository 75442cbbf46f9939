/** A declared address of a Server. */
export interface HostAddress {
  type: 'FQDN' | 'IPv4' | 'IPv6' | 'Hostname';
  address: string;
}

/** Never connected to unless the operator says so: link-local and what else clouds tell metadata at, loopback, unspecified. */
export const defaultDeniedCidrs: readonly string[] = [
  '169.254.0.0/16',
  '100.100.100.200/32',
  'fe80::/10',
  'fd00:ec2::254/128',
  '127.0.0.0/8',
  '::1/128',
  '0.0.0.0/8',
  '::/128',
];

const autoOrder = ['FQDN', 'IPv4', 'IPv6', 'Hostname'] as const;

/** The addresses in the order to try: Auto = FQDN > IPv4 > IPv6 > Hostname; a type = only addresses of that type. */
export function orderAddresses(
  addresses: readonly HostAddress[],
  addressType: 'Auto' | HostAddress['type'],
): HostAddress[] {
  const wanted = addressType === 'Auto' ? autoOrder : [addressType];
  return wanted.flatMap((type) => addresses.filter((address) => address.type === type));
}
