import { randomBytes } from 'node:crypto';
import type { Server } from '../../src/api/server.ts';
import { isFinalPhase, type ServerOperation } from '../../src/api/serverOperation.ts';
import type { Lease } from '../../src/kube/resource.ts';
import type { Host } from '../hosts/host.ts';
import { doubleInstallations } from './dpkgLog.ts';
import { listOf } from './objectInvariants.ts';

/** What Hostler left on a host, and what could show a secret. */
export interface HostTraces {
  /** The owner file; empty: there is none. */
  owner: Record<string, string>;
  /** Records of jobs by id. */
  jobs: Map<string, Record<string, string>>;
  /** Ids of changes that the host takes back unless a new login proves them. */
  unproven: readonly string[];
  /** Somebody holds Hostler's lock. */
  isLocked: boolean;
  /** Lines of dpkg's log about engines. */
  packages: string;
  /** Command lines and environments of all processes, and the end of the journal. */
  shown: string;
}

const LOOK_MS = 10_000;

/** POSIX sh: $1 begins the header of a section. */
const LOOK = `
say() { printf '\\n%s %s\\n' "$nonce" "$1"; }
nonce=$1
cd /var/lib/hostler 2>/dev/null && {
  say owner; cat owner 2>/dev/null
  for record in jobs/*/record; do
    [ -f "$record" ] || continue
    id=\${record#jobs/}
    say "job.\${id%/record}"; cat "$record" 2>/dev/null
  done
  say unproven
  for armed in confirm/*/armed; do
    [ ! -e "$armed" ] || basename "\${armed%/armed}"
  done
  say lock; [ ! -e lock ] || flock -n lock true || echo held
}
say packages
cat $(ls -tr /var/log/dpkg.log* 2>/dev/null) </dev/null | grep -E ' (docker\\.io|docker-ce)(:| )'
say shown
cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\000' '\\n'
journalctl --quiet --no-pager --output=cat --lines=2000 2>/dev/null
true`;

/** Looks at a running host. */
export async function traceHost(host: Host): Promise<HostTraces> {
  const nonce = randomBytes(16).toString('hex');
  const text = await host.run(LOOK, { args: [nonce], timeoutMs: LOOK_MS });
  const sections = new Map(
    text
      .split(`\n${nonce} `)
      .slice(1)
      .map((section) => [section.split('\n', 1)[0] ?? '', section.slice(section.indexOf('\n') + 1)]),
  );
  const jobs = [...sections].flatMap(([name, record]) =>
    name.startsWith('job.') ? [[name.slice('job.'.length), fieldsOf(record)] as const] : [],
  );
  return {
    owner: fieldsOf(sections.get('owner') ?? ''),
    jobs: new Map(jobs),
    unproven: (sections.get('unproven') ?? '').split('\n').filter(Boolean),
    isLocked: sections.get('lock')?.startsWith('held') ?? false,
    packages: sections.get('packages') ?? '',
    shown: sections.get('shown') ?? '',
  };
}

function fieldsOf(text: string): Record<string, string> {
  const pairs = text.split('\n').flatMap((line) => {
    const at = line.indexOf('=');
    return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
  });
  return Object.fromEntries(pairs);
}

/** What is known about who may be on a host. */
export interface Known {
  installation: string | undefined;
  servers: readonly Server[];
  operations: readonly ServerOperation[];
  leases: readonly Lease[];
}

/**
 * What does not hold of the host of a Server. A host may belong to another Hostler; then nothing of ours is there.
 * @param options.owned  It has to be ours, if it is anybody's.
 */
export function brokenOnHost(server: Server, traces: HostTraces, known: Known, { owned = false } = {}): string[] {
  const { broken, must } = listOf(server);
  must(!traces.isLocked, 'the lock is held');
  for (const twice of doubleInstallations(traces.packages)) must(false, `${twice} was installed twice`);
  for (const [id, job] of traces.jobs)
    if (job['server'] === server.metadata.uid)
      must(isKnown(server, id, job, known), `job ${id} (${job['change'] ?? ''}) on the host is an orphan`);
  const { owner } = traces;
  if (Object.keys(owner).length === 0) return broken;
  const isOurs = owner['installation'] === known.installation;
  const owning = known.servers.find(({ metadata }) => metadata.uid === owner['server']);
  must(isOurs || !owned, `the owner file is of installation ${owner['installation'] ?? ''}`);
  must(owning === server || !owned, `the owner file is of Server ${owner['server'] ?? ''}`);
  const open = (server.status?.confirmations ?? []).map(({ id }) => id);
  for (const id of isOurs && owning === server ? traces.unproven : [])
    must(open.includes(id), `change ${id}, which waits for its proof on the host, is not in the status`);
  for (const { server: uid } of isOurs ? [] : traces.jobs.values())
    must(uid !== server.metadata.uid, 'a job of ours is on a host of another installation');
  if (isOurs && owning !== undefined) {
    const lease = known.leases.find(({ metadata }) => metadata.uid === owner['lease']);
    must(lease !== undefined, `the owner file names Lease ${owner['lease'] ?? ''}, which is not there`);
    const transitions = lease?.spec?.leaseTransitions ?? 0;
    must(
      Number(owner['transitions']) <= transitions,
      `the owner file is ahead of its Lease (${transitions}): ${owner['transitions'] ?? ''}`,
    );
  }
  return broken;
}

/** Written down in the status before it starts, or made by an operation that is not over. */
function isKnown(server: Server, id: string, job: Record<string, string>, { operations }: Known): boolean {
  const [kind, name] = (job['change'] ?? '').split('/');
  if (kind !== 'operation') return (server.status?.jobs ?? []).some((one) => one.name === id);
  return operations.some(({ metadata, status }) => metadata.name === name && !isFinalPhase(status?.phase));
}
