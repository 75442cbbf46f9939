import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { JsonObject } from '../codec/json.ts';
import type { User } from '../http/authentication.ts';
import { isDeleting, objectAt, textAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { decodeEntry } from '../registry/versions.ts';
import { audiencesOfPlainToken } from './audiences.ts';
import type { TokenSource } from './bearer.ts';

const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;
const DEFAULT_GROUP = 'system:bootstrappers';

/** Tokens of Secrets of type bootstrap.kubernetes.io/token in kube-system, for programs that join. */
export class BootstrapTokens implements TokenSource {
  readonly #secrets: StoredResource;
  readonly #clock: Clock;

  constructor(secrets: StoredResource, clock: Clock) {
    this.#secrets = secrets;
    this.#clock = clock;
  }

  async userOf(token: string, audiences: readonly string[]): Promise<{ user: User; audiences: string[] } | undefined> {
    const [, id, secret] = TOKEN.exec(token) ?? [];
    const accepted = audiencesOfPlainToken(audiences);
    if (id === undefined || secret === undefined || accepted.length === 0) return undefined;
    const object = await this.#read(`bootstrap-token-${id}`);
    if (object === undefined || !this.#isGood(object, id, secret)) return undefined;
    const more = textOf(object, 'auth-extra-groups')
      .split(',')
      .filter((group) => GROUP.test(group));
    const groups = [...new Set([DEFAULT_GROUP, ...more])].sort();
    const user = { name: `system:bootstrap:${id}`, groups: [...groups, 'system:authenticated'] };
    return { user, audiences: accepted };
  }

  async #read(name: string): Promise<JsonObject | undefined> {
    const { store } = this.#secrets;
    const entry = await store.storage.get(store.key('kube-system', name));
    return entry && decodeEntry(this.#secrets, entry);
  }

  #isGood(object: JsonObject, id: string, secret: string): boolean {
    if (textAt(object, 'type') !== 'bootstrap.kubernetes.io/token' || isDeleting(object)) return false;
    if (textOf(object, 'token-id') !== id || !sameText(textOf(object, 'token-secret'), secret)) return false;
    const isForLogin = textOf(object, 'usage-bootstrap-authentication') === 'true';
    return isForLogin && !this.#isOver(textOf(object, 'expiration'));
  }

  /** An end that cannot be read has passed. */
  #isOver(expiration: string): boolean {
    return expiration !== '' && !(Date.parse(expiration) > this.#clock.now());
  }
}

function textOf(secret: JsonObject, key: string): string {
  return Buffer.from(textAt(objectAt(secret, 'data'), key), 'base64').toString();
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
