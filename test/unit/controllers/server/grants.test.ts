import { expect, it } from 'vitest';
import { howToGrant } from '../../../../src/controllers/server/grants.ts';

it.each([
  ['the usual account', 'system:serviceaccount:hostler-system:hostler', ''],
  [
    "another release's",
    'system:serviceaccount:hostler-system:prod-hostler',
    ' --service-account hostler-system/prod-hostler',
  ],
  ['a user', 'jane', ' (but for the user jane, by a Role of your own)'],
])('what is refused to %s is granted to it', async (_who, name, more) => {
  const client = { userName: () => Promise.resolve(name) };
  const how = await howToGrant(client, { asked: 'key', namespace: 'acme' }, new AbortController().signal);
  expect(how).toBe(`hostler grant key --namespace acme${more}`);
});

it('says how to grant also when the API does not say to whom', async () => {
  const client = { userName: () => Promise.reject(new Error('no answer')) };
  const how = await howToGrant(client, { asked: 'key', namespace: 'acme' }, new AbortController().signal);
  expect(how).toBe('hostler grant key --namespace acme');
});
