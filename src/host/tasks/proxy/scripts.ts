import { exitCodes } from '../../exitCodes.ts';
import { FAIL } from '../../providers/apt.ts';
import { HTTP_STATUS } from '../../providers/httpStatus.ts';
import { CONFIG_ROOT, label, LIVE, NEXT } from './definition.ts';
import { NGINX_CONF } from './nginx.ts';

const DOCKER = `
engine() { docker -H unix:///run/docker.sock "$@"; }
exists() { engine container inspect "$1" >/dev/null 2>&1; }
is_running() { [ "$(engine container inspect -f '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }
label_of() { engine container inspect -f "{{index .Config.Labels \\"$2\\"}}" "$1" 2>/dev/null; }
last_words() { engine logs --tail 5 "$1" 2>&1 | tail -n 5; }
need_engine() {
  timeout 20 docker -H unix:///run/docker.sock version >/dev/null 2>&1 ||
    fail ${exitCodes.notRunning} 'the Docker engine does not answer.'
}
`;

/**
 * `start NAME` starts a container, or says who holds its ports. `answers NAME` waits until the host's port 80 answers
 * while container NAME runs; at most 30 seconds.
 */
const ANSWERS = `${HTTP_STATUS}
answers() {
  until=$(($(date +%s) + 30))
  while [ "$(date +%s)" -le "$until" ]; do
    is_running "$1" || return 1
    case $(http_status) in [1-4]??) return 0 ;; esac
    sleep 0.2 2>/dev/null || sleep 1
  done
  return 1
}
holders() { ss -H -l -t -n -p '( sport = :80 or sport = :443 )' 2>/dev/null | sed -n 's/.*:\\([0-9]*\\) .*(("\\([^"]*\\)",pid=\\([0-9]*\\).*/port \\1 by \\2 (pid \\3)/p' | sort -u | head -n 4; }
start() {
  problem=$(engine start "$1" 2>&1) && return 0
  who=$(holders)
  case $problem in
  *'address already in use'* | *'port is already allocated'*)
    fail ${exitCodes.portConflict} "\${who:-port 80 or 443 by a container: docker ps}"
    ;;
  esac
  fail ${exitCodes.notRunning} "$problem"
}
`;

/**
 * Puts a proxy in the place of the one that runs, if any. The image is fetched and tried before anything is stopped;
 * the old container is stopped, the new one started, and only when that answers the old one goes. If it does not, the
 * old one comes back. Cut off anywhere, the next run finds what there is and goes on.
 * Arguments: IMAGE NETWORK TYPE DEFINITION TRIAL (one argument of `docker run` a line) CREATE…
 */
export const PLACE = `${FAIL}${DOCKER}${ANSWERS}
image=$1 network=$2 type=$3 definition=$4 trial=$5
shift 5
need_engine
if ! engine image inspect "$image" >/dev/null 2>&1; then
  problem=$(engine pull -q "$image" 2>&1) || fail ${exitCodes.imageUnavailable} "$image: $problem"
fi
if ! engine network inspect "$network" >/dev/null 2>&1; then
  engine network create --label ${label.type}=network "$network" >/dev/null
fi

# what a run that was cut off left: a new proxy that answers stays, else it goes and the old one comes back
if exists ${NEXT}; then
  if ! is_running ${LIVE} && [ "$(label_of ${NEXT} ${label.definition})" = "$definition" ] && answers ${NEXT}; then
    engine rm -f ${LIVE} >/dev/null 2>&1 || :
    engine rename ${NEXT} ${LIVE}
    exit 0
  fi
  engine rm -f ${NEXT} >/dev/null
  if exists ${LIVE} && ! is_running ${LIVE}; then engine start ${LIVE} >/dev/null 2>&1 || :; fi
fi

trial() (
  set -f
  IFS='
'
  timeout 120 docker -H unix:///run/docker.sock run --rm $1
)
problem=$(trial "$trial" 2>&1) || fail ${exitCodes.configRejected} "$image does not start with this configuration: $problem"

engine create --name=${NEXT} --restart=always --network="$network" \\
  --label=${label.type}="$type" --label=${label.definition}="$definition" "$@" >/dev/null
back() {
  engine rm -f ${NEXT} >/dev/null 2>&1 || :
  if exists ${LIVE}; then engine start ${LIVE} >/dev/null 2>&1 || :; fi
}
trap back EXIT
trap 'exit 143' TERM INT
if is_running ${LIVE}; then engine stop -t 5 ${LIVE} >/dev/null; fi
start ${NEXT}
if ! answers ${NEXT}; then
  said=$(last_words ${NEXT})
  fail ${exitCodes.notAnswering} "$image gave no answer on port 80 within 30 seconds. Its last words: $said"
fi
trap - EXIT TERM INT
engine rm -f ${LIVE} >/dev/null 2>&1 || :
engine rename ${NEXT} ${LIVE}
`;

/** Starts the proxy that is there. */
export const START = `${FAIL}${DOCKER}${ANSWERS}
need_engine
start ${LIVE}
answers ${LIVE} || fail ${exitCodes.notAnswering} "its last words: $(last_words ${LIVE})"
`;

/** Removes containers and nothing else. Arguments: NAME… */
export const REMOVE = `${FAIL}${DOCKER}
need_engine
for name do
  if exists "$name"; then
    engine stop -t 10 "$name" >/dev/null 2>&1 || :
    engine rm -f "$name" >/dev/null
  fi
done
`;

/**
 * `reload NAME` has the nginx of a container read its configuration anew, and sees it start workers with that. It keeps
 * what it had where only the running one finds a fault, such as a zone that was declared otherwise.
 */
const RELOAD = `
processes() { for pid do echo "$pid"; processes $(cat "/proc/$pid/task/$pid/children" 2>/dev/null); done; }
reload() {
  main=$(engine container inspect -f '{{.State.Pid}}' "$1")
  from=$(date +%s)
  before=" $(processes "$main" | tr '\\n' ' ') "
  engine exec "$1" nginx -c /etc/nginx/hostler/nginx.conf -s reload 2>&1
  # a kernel that names no children
  [ "$before" != " $main  " ] || return 0
  until=$(($(date +%s) + 10))
  while [ "$(date +%s)" -le "$until" ]; do
    for pid in $(processes "$main"); do
      case $before in *" $pid "*) ;; *) return 0 ;; esac
    done
    sleep 0.2 2>/dev/null || sleep 1
  done
  # nothing of what visitors asked for
  why=$(engine logs --since "$from" "$1" 2>&1 >/dev/null | grep -F '[emerg]' | tail -n 3)
  fail ${exitCodes.configRejected} "nginx goes on with what it had. $why"
}
`;

/**
 * Writes nginx.conf, tried by the nginx that runs before it takes effect, be it the one that is to take the place of
 * another. Until that has read it the file has a line more than is declared: cut off anywhere, the next look finds
 * another content. The directories of people are made, never touched again. Arguments: CONTENT.
 */
export const FILES = `${FAIL}${DOCKER}${RELOAD}
content=$1
for directory in /etc/hostler ${CONFIG_ROOT} ${CONFIG_ROOT}/nginx ${CONFIG_ROOT}/nginx/sites ${CONFIG_ROOT}/nginx/acme-challenge; do
  [ -d "$directory" ] || mkdir -m 0755 "$directory"
done
[ -d ${CONFIG_ROOT}/nginx/certificates ] || mkdir -m 0700 ${CONFIG_ROOT}/nginx/certificates
new=${NGINX_CONF}.hostler-new
trap 'rm -f "$new"' EXIT
write() { # CONTENT
  printf '%s' "$1" >"$new"
  sync "$new" 2>/dev/null || sync
}
place() {
  mv "$new" ${NGINX_CONF}
  sync ${CONFIG_ROOT}/nginx 2>/dev/null || sync
}
serving=
if command -v docker >/dev/null 2>&1; then
  # containers outlive an engine that is away
  need_engine
  for name in ${LIVE} ${NEXT}; do
    if is_running "$name" && [ "$(label_of "$name" ${label.type})" = Nginx ]; then serving=$name; fi
  done
fi
if [ -n "$serving" ]; then
  write "$content# nginx has not read this yet
"
  problem=$(engine exec "$serving" nginx -t -q -c /etc/nginx/hostler/nginx.conf.hostler-new 2>&1) || fail ${exitCodes.configRejected} "$problem"
  place
  reload "$serving"
fi
write "$content"
place
`;
