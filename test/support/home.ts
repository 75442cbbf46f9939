import type { ControlPlane, Home } from './controlPlane.ts';
import type { ProcessOptions } from './hostlerProcess.ts';

const VARIABLE = 'HOSTLER_TEST_HOME';

/** The home that `$HOSTLER_TEST_HOME` asks for, if any. */
export function askedHome(): Home | undefined {
  const asked = process.env[VARIABLE] ?? '';
  if (asked === '' || asked === 'standalone' || asked === 'operator') return asked === '' ? undefined : asked;
  throw new Error(`${VARIABLE} is "${asked}"; set it to standalone or operator.`);
}

/** Starts a control plane. `flags` are those that controllers take in both homes. */
export async function startControlPlane(
  flags: readonly string[] = [],
  options: ProcessOptions = {},
  home: Home = askedHome() ?? 'standalone',
): Promise<ControlPlane> {
  // loaded only where they are needed
  if (home === 'standalone') return (await import('./standalonePlane.ts')).StandalonePlane.start(flags, options);
  return (await import('./operatorPlane.ts')).OperatorPlane.start(flags, options);
}
