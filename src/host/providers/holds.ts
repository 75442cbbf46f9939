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
  refuse_busy() { if holder=$(apt_holder); then fail ${exitCodes.packageManagerBusy} "$holder"; fi; }
  refuse_busy
  for name in $(cat "$holds"); do
    held "$name" || continue
    # not by apt-mark, which ends at sources that are malformed
    printf '%s install\\n' "$name" | dpkg --set-selections >&2 || { refuse_busy; exit 1; }
  done
  )
fi
`;
