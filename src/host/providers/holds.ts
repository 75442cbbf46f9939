/**
 * Lifts the holds that Hostler set, as far as dpkg can be had, for when Hostler leaves the host: nobody would remember
 * why updates do not come.
 */
export const RELEASE_HOLDS = `
if [ -f /var/lib/hostler/holds ]; then
  while read -r hostler_held; do
    case $hostler_held in '' | -*) continue ;; esac
    apt-mark unhold "$hostler_held" >/dev/null 2>&1 || true
  done </var/lib/hostler/holds
fi
`;
