import type { Logger } from '../../lib/logger.ts';
import { readLiving, type Identity } from '../authentication/accountLookup.ts';
import type { SecretTokens } from '../authentication/secretTokens.ts';
import type { JsonObject } from '../codec/json.ts';
import { ACCOUNT_NAME, ACCOUNT_UID, TOKEN_TYPE } from '../builtins/secrets.ts';
import type { RegistryDeps } from '../registry/call.ts';
import { deleteObject } from '../registry/delete.ts';
import { BACKGROUND } from '../registry/deleteOptions.ts';
import { metaOf, objectAt, textAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { updateObject } from '../registry/update.ts';
import { cachedToObject } from '../registry/versions.ts';
import { internalCall, tolerating } from './internalCalls.ts';
import { KeyQueue } from './keyQueue.ts';

/** What the controller needs. */
export interface AccountSecretsDeps {
  registry: RegistryDeps;
  log: Logger;
  accounts: StoredResource;
  secrets: StoredResource;
  tokens: SecretTokens;
  /** The CA that signed the server's certificate. */
  caPem: string;
}

/**
 * Puts a token, the CA and the namespace into every Secret of type kubernetes.io/service-account-token, and deletes
 * those whose account is not there: programs outside of the cluster make such Secrets and wait for what is in them.
 */
export class AccountSecrets {
  readonly #deps: AccountSecretsDeps;
  readonly #queue: KeyQueue;

  constructor(deps: AccountSecretsDeps) {
    this.#deps = deps;
    this.#queue = new KeyQueue({ name: 'accountsecrets', work: (key) => this.#sync(key), log: deps.log });
  }

  async start(): Promise<void> {
    const { accounts, secrets } = this.#deps;
    await Promise.all([accounts, secrets].map(({ store }) => store.cache.ready()));
    secrets.store.cache.observe({
      onEvent: ({ type, object }) => {
        if (type !== 'Deleted' && object.fields?.['type'] === TOKEN_TYPE) this.#queue.add(object.key);
      },
      onFilled: () => this.#addAll(),
    });
    accounts.store.cache.observe({
      onEvent: ({ type, object }) => {
        if (type === 'Deleted') this.#addAll(object.namespace);
      },
      onFilled: () => this.#addAll(),
    });
  }

  async stop(): Promise<void> {
    await this.#queue.stop();
  }

  /** @param namespace  Default: all. */
  #addAll(namespace?: string): void {
    for (const { key, fields, namespace: own } of this.#deps.secrets.store.cache.list()) {
      if (fields?.['type'] === TOKEN_TYPE && (namespace === undefined || namespace === own)) this.#queue.add(key);
    }
  }

  async #sync(key: string): Promise<undefined> {
    const { secrets, accounts, registry } = this.#deps;
    const cached = secrets.store.cache.get(key);
    if (cached === undefined || cached.deleting) return undefined;
    const { namespace, name, uid } = cached;
    const secret = cachedToObject(secrets, cached);
    const account = await this.#accountOf(secret, namespace);
    const call = internalCall({ resource: secrets, namespace, name });
    if (account === undefined) {
      await tolerating([404, 409], () => deleteObject(registry, call, { ...BACKGROUND, uid }));
      this.#deps.log.info({ namespace, name, accounts: accounts.names.plural }, 'a token without account is deleted');
    } else if (!this.#isFilled(secret)) {
      // 409: it was changed and is looked at again; 422: it cannot be changed
      await tolerating([404, 409, 422], () =>
        updateObject(registry, call, (current) => this.#filled(current, account)),
      );
    }
    return undefined;
  }

  /** The account that a Secret names, by its uid where it has one; undefined = not there. */
  async #accountOf(secret: JsonObject, namespace: string): Promise<Identity | undefined> {
    const annotations = objectAt(metaOf(secret), 'annotations');
    const name = textAt(annotations, ACCOUNT_NAME);
    const account = await readLiving(this.#deps.accounts, { namespace, name });
    const uid = textAt(account && metaOf(account), 'uid');
    const wanted = textAt(annotations, ACCOUNT_UID);
    return account === undefined || (wanted !== '' && wanted !== uid) ? undefined : { namespace, name, uid };
  }

  #isFilled(secret: JsonObject): boolean {
    const data = objectAt(secret, 'data');
    const isWhole = textAt(data, 'token') !== '' && textAt(data, 'namespace') !== '';
    return isWhole && textAt(data, 'ca.crt') === encode(this.#deps.caPem);
  }

  #filled(secret: JsonObject, account: Identity): JsonObject {
    const { tokens, caPem } = this.#deps;
    const meta = metaOf(secret);
    const data = objectAt(secret, 'data');
    const token = textAt(data, 'token') || encode(tokens.issue(account, textAt(meta, 'name')));
    const namespace = textAt(data, 'namespace') || encode(account.namespace);
    const annotations = { [ACCOUNT_NAME]: account.name, [ACCOUNT_UID]: account.uid };
    meta['annotations'] = { ...objectAt(meta, 'annotations'), ...annotations };
    return { ...secret, data: { ...data, 'ca.crt': encode(caPem), namespace, token } };
  }
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}
