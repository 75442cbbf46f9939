import type { HostFacts, PortHolder } from '../facts.ts';
import type { Records } from '../records.ts';
import type { FactFragment } from '../task.ts';
import { present } from './present.ts';

/** The ports a proxy wants. */
const WEB_PORTS: readonly number[] = [80, 443];
const HOLDERS_LIMIT = 20;
/** Column "local_address" of /proc/net/tcp. */
const HEX_PORT = /:([0-9A-F]{4}) /;

/** The login user, and who holds the web ports. */
export const accessFacts: FactFragment<Partial<HostFacts>> = {
  script: `
login=\${SUDO_USER:-\${DOAS_USER:-}}
if [ -n "$login" ]; then run user id "$login"; else run user id; fi
if command -v ss >/dev/null 2>&1; then
  # Without -p first: only a port that is held pays for the walk through all processes.
  run ports ss -H -l -t -n '( sport = :80 or sport = :443 )'
  if [ -n "$hostler_value" ]; then run holders ss -H -l -t -n -p '( sport = :80 or sport = :443 )'; fi
elif [ -r /proc/net/tcp ]; then
  put proc-net "$(grep -h -E '^ *[0-9]+: [0-9A-F]+:(0050|01BB) [0-9A-F]+:0000 0A ' /proc/net/tcp /proc/net/tcp6 2>/dev/null)"
fi
`,
  parse: (records) => present({ user: userOf(records.text('user') ?? ''), ports: portsOf(records) }),
};

function userOf(text: string): HostFacts['user'] {
  const [, uid, name] = /^uid=(\d{1,10})\(([^)]{1,256})\)/.exec(text) ?? [];
  if (uid === undefined || name === undefined) return undefined;
  const groups = [...(/groups=([^ ]*)/.exec(text)?.[1] ?? '').matchAll(/\(([^)]{1,256})\)/g)];
  return { name, uid: Number(uid), groups: groups.map((match) => match[1] ?? ''), isRoot: Number(uid) === 0 };
}

function portsOf(records: Records): PortHolder[] | undefined {
  // Asked a second time, with processes, when somebody listens.
  const ss = records.lines('holders') ?? records.lines('ports');
  if (ss !== undefined) return distinct(ss.flatMap(holdersOfLine).filter(({ port }) => WEB_PORTS.includes(port)));
  const procNet = records.lines('proc-net');
  if (procNet === undefined) return undefined;
  return distinct(procNet.map((line) => ({ port: Number.parseInt(HEX_PORT.exec(line)?.[1] ?? '', 16) })));
}

/** One line of `ss -l -t -n -p`: `LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=812,fd=6),("nginx",pid=813,fd=6))`. */
export function holdersOfLine(line: string): PortHolder[] {
  const port = Number(/:(\d{1,5})\s/.exec(line)?.[1]);
  if (Number.isNaN(port)) return [];
  const [, process, pid] = /\(\("([^"]{1,64})",pid=(\d{1,10})/.exec(line) ?? [];
  return [process === undefined ? { port } : { port, process, pid: Number(pid) }];
}

/** One entry per port and process: nginx listens on IPv4 and IPv6. */
function distinct(holders: PortHolder[]): PortHolder[] {
  const seen = new Map(holders.map((holder) => [`${holder.port} ${holder.process ?? ''}`, holder]));
  return [...seen.values()].slice(0, HOLDERS_LIMIT);
}
