import type { EffectiveServer } from '../../api/effective.ts';
import { exitCodes } from '../exitCodes.ts';
import { FAIL } from '../providers/apt.ts';
import { explainDocker } from '../providers/failures.ts';
import type { Check } from '../preflight.ts';
import type { Records } from '../records.ts';
import type { Change, Difference, Obstacle, Task } from '../task.ts';
import { verdict } from './checks.ts';
import { listOf } from './params.ts';

/** Who may use Docker; members that are not listed stay. */
interface UsersWant {
  users: readonly string[];
}

interface UsersHave {
  /** Declared users that exist on the host, by any name service. */
  existing: readonly string[];
  /** Declared users that are in the group, as a listed member or by their primary group. */
  members: readonly string[];
}

const FACTS = `
if [ "$#" -gt 0 ]; then
  run group getent group docker
  run users getent passwd "$@"
fi
`;

const ADD = `${FAIL}
getent group docker >/dev/null || groupadd --system docker 2>/dev/null || addgroup -S docker
for user do
  case $user in '' | -*) fail ${exitCodes.userMissing} "$user" ;; esac
  getent passwd "$user" >/dev/null || fail ${exitCodes.userMissing} "$user"
  case " $(id -nG "$user") " in *' docker '*) continue ;; esac
  if command -v gpasswd >/dev/null 2>&1; then gpasswd -a "$user" docker
  elif command -v usermod >/dev/null 2>&1; then usermod -aG docker "$user"
  else addgroup "$user" docker
  fi
done
`;

/** Membership in group docker, which is as good as root. */
export const dockerUsers: Task<UsersWant, UsersHave> = {
  name: 'docker-users',
  area: 'Docker',
  facts: [{ args: declaredUsers, script: FACTS, parse: parseUsers }],
  want: ({ docker }) => (docker === undefined ? undefined : { users: docker.users }),
  diff: diffUsers,
  apply: (change) => ({
    kind: 'script',
    script: { name: change.name, text: ADD, args: listOf(change.params['users']) },
    timeoutSeconds: 60,
  }),
  explain: explainDocker,
  checks: { names: ['docker-permission'], judge: (want, have) => [judgeUsers(want, have)] },
};

function declaredUsers({ docker }: EffectiveServer): string[] {
  return docker?.users ?? [];
}

/** Source: getent(1): `passwd` prints those it knows and exits with 2 when one is missing; passwd(5), group(5). */
function parseUsers(records: Records): UsersHave {
  const [, , groupID = '', list = ''] = (records.text('group') ?? '').split(':');
  const listed = new Set(list.trim().split(','));
  const users = (records.entry('users')?.text ?? '').split('\n').flatMap((line) => {
    const [name = '', , , primary = ''] = line.split(':');
    return name === '' ? [] : [{ name, member: listed.has(name) || (groupID !== '' && primary === groupID) }];
  });
  return {
    existing: users.map(({ name }) => name),
    members: users.filter(({ member }) => member).map(({ name }) => name),
  };
}

function diffUsers({ users }: UsersWant, { existing, members }: UsersHave): Difference {
  const missing = users.filter((user) => !existing.includes(user));
  const outside = users.filter((user) => existing.includes(user) && !members.includes(user));
  return {
    changes: outside.length === 0 ? [] : [addChange(outside)],
    obstacles: missing.length === 0 ? [] : [missingUsers(missing)],
  };
}

function addChange(users: string[]): Change {
  return {
    name: 'docker-users/members',
    area: 'Docker',
    what: `add ${users.join(', ')} to group docker`,
    why: `spec.docker.users has ${users.join(', ')}`,
    disruption: 'None',
    expectedGapSeconds: 0,
    params: { users },
  };
}

function missingUsers(users: string[]): Obstacle {
  const names = users.join(', ');
  return {
    area: 'Docker',
    reason: 'UserMissing',
    message: `spec.docker.users has ${names}, which ${users.length > 1 ? 'do' : 'does'} not exist on the host. Create ${users.length > 1 ? 'them' : 'it'} there (useradd --create-home), or take ${users.length > 1 ? 'them' : 'it'} out of the list.`,
    terminal: false,
  };
}

function judgeUsers(want: UsersWant, have: UsersHave): Check {
  const difference = diffUsers(want, have);
  const passed = difference.obstacles.length === 0 && difference.changes.length === 0;
  const pass =
    want.users.length === 0
      ? 'No users are declared; Hostler itself uses Docker as root.'
      : 'The declared users may use Docker.';
  return verdict('docker-permission', difference, passed, { pass, fail: 'Not all declared users may use Docker.' });
}
