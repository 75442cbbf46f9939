import type { HostFacts } from '../facts.ts';
import type { JobOnHost } from '../jobs.ts';
import type { OwnerOnHost } from '../ownership.ts';
import { stateDirectory } from '../ownershipScript.ts';
import type { Records } from '../records.ts';
import type { FactFragment } from '../task.ts';
import { present } from './present.ts';

const IDENTIFIER = /^[A-Za-z0-9._-]{1,64}$/;
const JOBS_LIMIT = 50;

/** Who owns the host, and which of Hostler's jobs are on it. Expects processFunctions. */
export const ownershipFacts: FactFragment<Partial<HostFacts>> = {
  script: `
file owner ${stateDirectory}/owner
if [ ! -e ${stateDirectory} ] || { [ -x ${stateDirectory} ] && [ ! -e ${stateDirectory}/jobs ]; }; then put jobs ''
elif [ -r ${stateDirectory}/jobs ] && [ -x ${stateDirectory}/jobs ]; then
  put jobs ''
  for directory in ${stateDirectory}/jobs/[0-9a-f]*; do
    [ -d "$directory" ] || continue
    id=\${directory##*/}
    hostler_job "$id"
    [ "$hostler_state" != Absent ] || continue
    # A job that is being started belongs to whoever holds the lock; without a holder its start was cut off.
    if [ "$hostler_state" = Starting ]; then
      hostler_state=Running
      if [ -e ${stateDirectory}/lock.held ]; then :
      elif ! command -v flock >/dev/null 2>&1 || flock -s -n 8 8<${stateDirectory}/lock; then hostler_state=Interrupted
      fi
    fi
    put "job.$id.state" "$hostler_state"
    file "job.$id.record" "$directory/record"
  done
fi
`,
  parse: (records) => present({ owner: ownerOf(records), jobs: jobsOf(records) }),
};

/** Reads key=value lines; later lines win, as in the shell. */
function pairsOf(text: string): Map<string, string> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const at = line.indexOf('=');
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
    }),
  );
}

function ownerOf(records: Records): OwnerOnHost {
  const text = records.text('owner');
  if (text === undefined) return { state: records.status('owner') === 1 ? 'Free' : 'Unreadable' };
  const values = pairsOf(text);
  const identifier = (key: string): string => {
    const value = values.get(key) ?? '';
    return IDENTIFIER.test(value) ? value : '';
  };
  const [installation, server, lease] = [identifier('installation'), identifier('server'), identifier('lease')];
  const transitions = /^\d{1,15}$/.exec(values.get('transitions') ?? '')?.[0];
  const complete = values.get('version') === '1' && installation && server && lease;
  if (!complete || transitions === undefined) return { state: 'Invalid' };
  return {
    state: 'Owned',
    installation,
    server,
    token: { lease, transitions: Number(transitions) },
  };
}

function jobsOf(records: Records): JobOnHost[] | undefined {
  if (records.text('jobs') === undefined) return undefined;
  return records
    .names('job.')
    .filter((name) => name.endsWith('.state'))
    .slice(0, JOBS_LIMIT)
    .flatMap((name) => {
      const id = name.slice('job.'.length, -'.state'.length);
      const values = pairsOf(records.text(`job.${id}.record`) ?? '');
      const state = stateOf(records.text(name));
      if (state === undefined) return [];
      const [change = '', server = ''] = [values.get('change'), values.get('server')];
      return [{ id, change, server, attempt: Number(values.get('attempt')) || 0, state }];
    });
}

function stateOf(text: string | undefined): JobOnHost['state'] | undefined {
  return text === 'Running' || text === 'Exited' || text === 'Interrupted' ? text : undefined;
}
