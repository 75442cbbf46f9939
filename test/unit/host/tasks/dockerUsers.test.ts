import { describe, expect, it } from 'vitest';
import { Records } from '../../../../src/host/records.ts';
import { dockerUsers } from '../../../../src/host/tasks/dockerUsers.ts';

type Have = Parameters<typeof dockerUsers.diff>[1];
const HOST = {} as Parameters<typeof dockerUsers.diff>[2];

function read(group: string | undefined, users: string): Have {
  const records = new Records(
    new Map([
      ['group', { status: group === undefined ? 2 : 0, text: group ?? '' }],
      // getent ends with 2 when one of the users is missing
      ['users', { status: 2, text: users }],
    ]),
  );
  return dockerUsers.facts[0]!.parse(records) as Have;
}

const PASSWD = 'anna:x:1000:1000::/home/anna:/bin/sh\nbert:x:1001:998::/home/bert:/bin/sh\ncarl:x:1002:1002::/:/bin/sh';

describe('docker-users', () => {
  it('knows members by list and by primary group', () => {
    expect(read('docker:x:998:anna,zoe', PASSWD)).toEqual({
      existing: ['anna', 'bert', 'carl'],
      members: ['anna', 'bert'],
    });
  });

  it('has nobody in a group that does not exist', () => {
    expect(read(undefined, PASSWD).members).toEqual([]);
  });

  it.each([
    { users: [], adds: [], missing: false },
    { users: ['anna', 'bert'], adds: [], missing: false },
    { users: ['anna', 'carl'], adds: ['carl'], missing: false },
    { users: ['carl', 'dora'], adds: ['carl'], missing: true },
  ])('adds $adds for $users', ({ users, adds, missing }) => {
    const have = read('docker:x:998:anna', PASSWD);
    const { changes, obstacles } = dockerUsers.diff({ users }, have, HOST);
    expect(changes.flatMap(({ params }) => params['users'])).toEqual(adds);
    expect(obstacles.map(({ reason }) => reason)).toEqual(missing ? ['UserMissing'] : []);
  });

  it('tells who is missing, and what to do', () => {
    const { obstacles } = dockerUsers.diff({ users: ['dora'] }, read('docker:x:998:', ''), HOST);
    expect(obstacles[0]?.message).toMatch(/spec\.docker\.users has dora, which does not exist on the host\. Create it/);
  });

  it('passes the preflight when nobody is declared', () => {
    expect(dockerUsers.checks!.judge({ users: [] }, read(undefined, ''), HOST)).toMatchObject([
      { name: 'docker-permission', result: 'Pass' },
    ]);
  });
});
