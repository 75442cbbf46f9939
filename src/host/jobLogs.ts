import { stateDirectory } from './ownershipScript.ts';

/**
 * Prints what the jobs of the last 7 days printed, oldest first, each below a line with its time and change. What
 * commands of people printed is left out: that is only kept where they ask for it (captureOutput).
 */
export const jobLogsScript = `
cd ${stateDirectory}/logs 2>/dev/null || exit 0
for log in $(ls -1tr); do
  case $log in *.log) ;; *) continue ;; esac
  {
    IFS= read -r change || :
    case $change in '# operation/'*) continue ;; esac
    printf '== %s %s\\n' "$(date -u -r "$log" +%Y-%m-%dT%H:%M:%SZ)" "\${change#'# '}"
    cat
  } <"$log"
done
`;
