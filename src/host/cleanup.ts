import type { LastingAction } from './task.ts';
import { APT, FAIL } from './providers/apt.ts';

const TIMEOUT_SECONDS = 1_800;

/**
 * What can be fetched or built again and nothing else: never containers, volumes, networks or images that have a name.
 * Its last line of output says how much that freed.
 */
const text = `${FAIL}${APT}
free_kib() {
  for path in / /var/lib /var/lib/docker /var/cache/apt; do
    if [ -d "$path" ]; then df -P -k "$path" | tail -n 1; fi
  done | awk '!seen[$6]++ { sum += $4 } END { print sum + 0 }'
}
before=$(free_kib)
if command -v apt-get >/dev/null 2>&1; then
  apt_wait
  apt-get clean
fi
if command -v docker >/dev/null 2>&1 && timeout 10 docker -H unix:///run/docker.sock version >/dev/null 2>&1; then
  docker -H unix:///run/docker.sock image prune --force
  # engines without a builder of their own have no such cache
  docker -H unix:///run/docker.sock builder prune --force --filter until=24h || :
fi
after=$(free_kib)
printf 'freed %s MB\\n' "$(((after - before) / 1024))"
`;

/** Frees disk space without touching data. */
export const cleanupAction: LastingAction = {
  kind: 'job',
  script: { name: 'cleanup', text },
  timeoutSeconds: TIMEOUT_SECONDS,
};
