import { exitCodes } from '../exitCodes.ts';
import { APT, FAIL } from './apt.ts';

/**
 * Lifts the holds that Hostler set, for when Hostler leaves the host: nobody would remember why updates do not come.
 * Ends the script while the package manager is busy, with who holds it: the record has to outlive the holds.
 */
export const RELEASE_HOLDS = `
if [ -s /var/lib/hostler/holds ]; then
  (
${FAIL}${APT}
  if holder=$(apt_holder); then fail ${exitCodes.packageManagerBusy} "$holder"; fi
  for name in $(cat "$holds"); do
    if held "$name"; then apt-mark unhold "$name" >&2; fi
  done
  )
fi
`;
