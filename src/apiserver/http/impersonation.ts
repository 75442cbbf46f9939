import type { IncomingMessage } from 'node:http';
import type { User } from './authentication.ts';
import { refusal, type Attributes, type Authorizer } from './authorization.ts';
import { badRequest } from './status.ts';

const ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;
const AUTHENTICATION = 'authentication.k8s.io';
const EXTRA = 'impersonate-extra-';
const WISHED = /^impersonate-(user$|group$|uid$|extra-)/;
const AUTHENTICATED = 'system:authenticated';
const UNAUTHENTICATED = 'system:unauthenticated';

/** One question to the authorizer: may this be put on? */
type Wanted = Pick<Attributes, 'group' | 'resource' | 'name'> & Partial<Pick<Attributes, 'namespace' | 'subresource'>>;

/** Whether the request is to be made as somebody else; all there is to look at for most requests. */
export function wantsImpersonation({ headers }: IncomingMessage): boolean {
  for (const name in headers) if (name.startsWith('impersonate-') && WISHED.test(name)) return true;
  return false;
}

/**
 * The user that the `Impersonate-…` headers name.
 * @throws ApiError 400 without a user, 403 when `requester` may not impersonate one of the parts.
 */
export async function impersonated(request: IncomingMessage, requester: User, authorizer: Authorizer): Promise<User> {
  const wish = wishOf(request.headersDistinct);
  for (const wanted of questions(wish)) {
    const attributes = toAttributes(wanted, requester);
    const decision = await authorizer.authorize(attributes);
    if (!decision.allowed) throw refusal(attributes, decision);
  }
  const { name, groups, uid, extra } = wish;
  return {
    name,
    groups: withStanding(name, groups.length === 0 ? ownGroups(name) : groups),
    ...(uid === undefined ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

/** Whom the headers name. */
interface Wish {
  name: string;
  groups: readonly string[];
  uid: string | undefined;
  extra: Record<string, string[]>;
}

/** @throws ApiError 400 without a user. */
function wishOf(sent: NodeJS.Dict<string[]>): Wish {
  const name = sent['impersonate-user']?.[0] ?? '';
  const [uid] = sent['impersonate-uid'] ?? [];
  const wish = { name, groups: sent['impersonate-group'] ?? [], uid, extra: extraOf(sent) };
  if (name === '') throw badRequest(`requested [${nobodys(wish)}] without impersonating a user`);
  return wish;
}

/** The parts of somebody without a name, as Go prints references to objects. */
function nobodys({ groups, uid, extra }: Wish): string {
  const version = `${AUTHENTICATION}/v1`;
  return [
    ...groups.map((name) => `{Group  ${name}    }`),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((name) => `{UserExtra  ${name}  ${version}  ${key}}`),
    ),
    ...(uid === undefined ? [] : [`{UID  ${uid}  ${version}  }`]),
  ].join(' ');
}

function extraOf(headers: NodeJS.Dict<string[]>): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  for (const [key, values] of Object.entries(headers)) {
    if (!key.startsWith(EXTRA) || values === undefined) continue;
    extra[decode(key.slice(EXTRA.length))] = values;
  }
  return extra;
}

/** Keys are percent-encoded, as headers cannot hold every letter. */
function decode(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

function questions(user: Wish): Wanted[] {
  const [, namespace, account] = ACCOUNT.exec(user.name) ?? [];
  return [
    namespace === undefined || account === undefined
      ? { group: '', resource: 'users', name: user.name }
      : { group: '', resource: 'serviceaccounts', name: account, namespace },
    ...user.groups.map((name) => ({ group: '', resource: 'groups', name })),
    ...Object.entries(user.extra).flatMap(([key, values]) =>
      values.map((name) => ({ group: AUTHENTICATION, resource: 'userextras', subresource: key, name })),
    ),
    ...(user.uid === undefined ? [] : [{ group: AUTHENTICATION, resource: 'uids', name: user.uid }]),
  ];
}

function toAttributes({ namespace = '', subresource = '', ...wanted }: Wanted, user: User): Attributes {
  return { ...wanted, user, verb: 'impersonate', version: 'v1', isResource: true, path: '', namespace, subresource };
}

function ownGroups(name: string): string[] {
  const [, namespace] = ACCOUNT.exec(name) ?? [];
  return namespace === undefined ? [] : ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}

function withStanding(name: string, groups: readonly string[]): string[] {
  if (groups.includes(AUTHENTICATED) || groups.includes(UNAUTHENTICATED)) return [...groups];
  return [...groups, name === 'system:anonymous' ? UNAUTHENTICATED : AUTHENTICATED];
}
