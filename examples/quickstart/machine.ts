import { removeFleet } from '../../test/hosts/cleanup.ts';
import { obstacles } from '../../test/hosts/machine.ts';
import type { HostArgument } from '../../src/cli/hostArgument.ts';
import { messageOf } from '../../src/lib/errors.ts';
import { localSshd } from './localSshd.ts';
import { fleetName, sandbox } from './sandbox.ts';
import type { Entry } from './state.ts';
import { say } from './support.ts';

/** The server that the quickstart works on. */
export interface Machine extends HostArgument {
  serverName: string;
  kind: Entry['kind'];
  privateKey: string;
  passphrase?: string;
  /** What this kind of server cannot show; printed at the end. */
  remark: string;
}

/** A sandbox server, or where this machine cannot boot one, a login to the machine itself. */
export async function chooseMachine(): Promise<Machine> {
  const hindrances = obstacles();
  if (hindrances.length > 0) {
    say(`This machine cannot boot a sandbox server: ${hindrances.join('; ')}.`);
    return localSshd();
  }
  try {
    return await sandbox();
  } catch (error) {
    say(`The sandbox server could not be booted: ${messageOf(error)}`);
    say('Going on without it; the next npm run quickstart tries it again.');
    await removeFleet(fleetName());
    return localSshd();
  }
}
