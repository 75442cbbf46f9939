import type { EffectiveMirror, EffectiveServer, Referred } from '../../api/effective.ts';
import { findCause, ReconcileError } from '../../lib/errors.ts';
import type { Scope } from './scope.ts';
import { requiredValue, type SecretReader } from './secrets.ts';

const KEY_FIELD = 'spec.docker.source.mirror.keySecretRef';

/**
 * Reads what a Server's spec refers to beyond its login, so that tasks stay pure: what was found, or why it could not
 * be had, becomes part of the run's effective spec, and the task that needs it says what that means.
 */
export class References {
  readonly #secrets: SecretReader;

  constructor(secrets: SecretReader) {
    this.#secrets = secrets;
  }

  /** The effective spec with everything read. @throws API errors other than "not there" and "forbidden". */
  async resolve(scope: Scope): Promise<EffectiveServer> {
    const { effective } = scope;
    const { docker } = effective;
    if (docker?.source.mirror === undefined) return effective;
    const mirror = await this.#withKey(scope, docker.source.mirror);
    return { ...effective, docker: { ...docker, source: { ...docker.source, mirror } } };
  }

  async #withKey({ server, signal }: Scope, mirror: EffectiveMirror): Promise<EffectiveMirror> {
    const ref = mirror.keySecretRef;
    const key = { namespace: server.metadata.namespace, name: ref.name };
    const signingKey = await referred(async () =>
      requiredValue(await this.#secrets.read(key, KEY_FIELD, signal), 'key', ref, 'Opaque'),
    );
    return { ...mirror, signingKey };
  }
}

async function referred<T>(read: () => Promise<T>): Promise<Referred<T>> {
  try {
    return { value: await read() };
  } catch (error) {
    const known = findCause(error, ReconcileError);
    if (known === undefined) throw error;
    return { problem: { reason: known.reason, message: known.advice, terminal: known.retry.kind === 'never' } };
  }
}
