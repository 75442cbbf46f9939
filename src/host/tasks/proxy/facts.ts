import { isRecord, parseObject } from '../../../lib/jsonObject.ts';
import { present } from '../../facts/present.ts';
import { HTTP_STATUS } from '../../providers/httpStatus.ts';
import type { Records } from '../../records.ts';
import type { FactFragment } from '../../task.ts';
import { label, LIVE, NEXT } from './definition.ts';
import { NGINX_CONF } from './nginx.ts';

/** A container of the proxy, as the engine describes it. */
export interface FoundContainer {
  running: boolean;
  /** `exited with 1`, `created`, `running`. */
  state: string;
  /** Image and tag that it was made from. */
  image: string;
  /** What Hostler wrote on it; absent on a container of somebody else. */
  type?: string;
  definition?: string;
  /** Release inside the image, where the image says it. */
  release?: string;
}

/** What the task sees. */
export interface ProxyHave {
  /** The engine answers; false: it does not run, or may not be asked. */
  engine: boolean;
  /** Oldest API that the running engine accepts. */
  minimumAPI?: string;
  /** The proxy, and the one that is to take its place: left over when a run was cut off. */
  live?: FoundContainer;
  next?: FoundContainer;
  /** Other containers that publish ports 80 or 443. */
  publishers: readonly string[];
  /** Status of the answer to a request on port 80; absent: nothing answered, or nothing on the host can ask. */
  status?: number;
  /** SHA-256 of nginx.conf. */
  nginxConf?: string;
}

const FORMAT = [
  '{"name":{{json .Name}}',
  '"running":{{json .State.Running}}',
  '"status":{{json .State.Status}}',
  '"exitCode":{{json .State.ExitCode}}',
  '"image":{{json .Config.Image}}',
  '"labels":{{json .Config.Labels}}}',
].join(',');

/** Asks the engine only while it runs: its socket would start it. */
export const proxyFacts: FactFragment<Partial<ProxyHave>> = {
  script: `${HTTP_STATUS}
docker_ask() { timeout 10 docker -H unix:///run/docker.sock "$@"; }
pid=
if [ -w /run/docker.sock ] && command -v docker >/dev/null 2>&1; then read -r pid </run/docker.pid; fi 2>/dev/null
if [ -n "$pid" ] && [ -d "/proc/$pid" ]; then
  run api docker_ask version --format '{{.Server.MinAPIVersion}}'
  run containers docker_ask container inspect --format '${FORMAT}' ${LIVE} ${NEXT}
  run publishers docker_ask ps --filter publish=80 --filter publish=443 --format '{{.Names}}'
  put answer "$(http_status)"
fi
if [ -e ${NGINX_CONF} ]; then run nginx sha256sum ${NGINX_CONF}; fi
`,
  parse: parseProxy,
};

function parseProxy(records: Records): Partial<ProxyHave> {
  const containers = parseContainers(records.entry('containers')?.text ?? '');
  return present({
    engine: records.status('api') === 0,
    minimumAPI: /^\d{1,3}\.\d{1,3}$/.exec(records.text('api') ?? '')?.[0],
    live: containers.get(LIVE),
    next: containers.get(NEXT),
    publishers: (records.lines('publishers') ?? [])
      .filter(isOther)
      .map((name) => name.slice(0, 128))
      .slice(0, 10),
    status: statusOf(records.text('answer')?.trim()),
    nginxConf: /^\\?([0-9a-f]{64}) /.exec(records.text('nginx') ?? '')?.[1],
  });
}

function statusOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d\d$/.test(text) ? Number(text) : undefined;
}

function isOther(name: string): boolean {
  return name !== '' && name !== LIVE && name !== NEXT;
}

/** One line for each that exists; inspect ends with 1 when one of them does not. */
function parseContainers(text: string): Map<string, FoundContainer> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const found = parseObject(line);
      const name = textOf(found?.['name'])?.replace(/^\//, '');
      return found === undefined || name === undefined ? [] : [[name, containerOf(found)] as const];
    }),
  );
}

function containerOf(found: Readonly<Record<string, unknown>>): FoundContainer {
  const labels = isRecord(found['labels']) ? found['labels'] : {};
  const status = textOf(found['status']) ?? 'unknown';
  return {
    running: found['running'] === true,
    state: status === 'exited' ? `exited with ${String(Number(found['exitCode']))}` : status,
    image: textOf(found['image']) ?? '',
    ...present({
      type: textOf(labels[label.type]),
      definition: textOf(labels[label.definition]),
      release: textOf(labels['org.opencontainers.image.version']),
    }),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, 300) : undefined;
}
