import type { HostFacts } from '../facts.ts';
import type { FactFragment } from '../task.ts';

/** Exit codes of wget and curl that mean "an HTTP answer came": 0, and wget's 8 for an answer with an error status. */
const ANSWERED: readonly number[] = [0, 8];

/**
 * Whether packages and images can be fetched: the host's first package source, and Docker Hub. By whatever HTTP client
 * is there (it honours the host's proxy settings), else by a bare TCP connection.
 */
export const networkFacts: FactFragment<Partial<HostFacts>> = {
  slow: 'rarely',
  script: `
reach() {
  if command -v curl >/dev/null 2>&1; then
    status "$1" curl -s -o /dev/null --connect-timeout 2 -m 4 "$2"
  elif command -v wget >/dev/null 2>&1; then
    status "$1" timeout 4 wget -q -O /dev/null -T 2 -t 1 "$2"
  elif command -v bash >/dev/null 2>&1; then
    host=\${2#*://}
    host=\${host%%/*}
    case $2 in https:*) port=443 ;; *) port=80 ;; esac
    case $host in *:*) port=\${host##*:}; host=\${host%:*} ;; esac
    status "$1" timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "$port"
  fi
}
source=$(grep -h -o -E '^(deb|URIs:|baseurl ?=).*' /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
  grep -o -m 1 -E 'https?://[^ ]+' | head -n 1)
reach internet "\${source:-https://download.docker.com/}" &
reach registry https://registry-1.docker.io/v2/ &
wait
`,
  parse: (records) => {
    const internet = records.status('internet');
    const registry = records.status('registry');
    if (internet === undefined || registry === undefined) return {};
    return { network: { internet: ANSWERED.includes(internet), registry: ANSWERED.includes(registry) } };
  },
};
