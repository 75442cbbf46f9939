import type {
  BundleArtifact,
  EffectiveBundle,
  EffectiveMirror,
  EffectiveServer,
  Referred,
} from '../../api/effective.ts';
import type { BundleDirectory } from '../../lib/bundleDirectory.ts';
import { findCause, ReconcileError } from '../../lib/errors.ts';
import type { Scope } from './scope.ts';
import { requiredValue, type SecretReader } from './secrets.ts';

const BUNDLE_FIELD = 'spec.docker.source.bundle.bundleRef';
const KEY_FIELD = 'spec.docker.source.mirror.keySecretRef';

/**
 * Reads what a Server's spec refers to beyond its login, so that tasks stay pure: what was found, or why it could not
 * be had, becomes part of the run's effective spec, and the task that needs it says what that means.
 */
export class References {
  readonly #secrets: SecretReader;
  /** Where the files of ArtifactBundles lie. */
  readonly #directory: Pick<BundleDirectory, 'problemOf'>;

  constructor(secrets: SecretReader, directory: Pick<BundleDirectory, 'problemOf'>) {
    this.#secrets = secrets;
    this.#directory = directory;
  }

  /** The effective spec with everything read. @throws API errors other than "not there" and "forbidden". */
  async resolve(scope: Scope): Promise<EffectiveServer> {
    const { effective } = scope;
    const { docker } = effective;
    if (docker === undefined) return effective;
    const { mirror, bundle } = docker.source;
    const source = {
      ...docker.source,
      ...(mirror && { mirror: await this.#withKey(scope, mirror) }),
      ...(bundle && { bundle: await this.#withArtifacts(scope, bundle) }),
    };
    return { ...effective, docker: { ...docker, source } };
  }

  async #withArtifacts({ server, bundle: found }: Scope, bundle: EffectiveBundle): Promise<EffectiveBundle> {
    const { namespace } = server.metadata;
    const { name } = bundle.bundleRef;
    if (found === undefined) {
      const message = `ArtifactBundle ${namespace}/${name} of ${BUNDLE_FIELD} does not exist. Create it, or correct the reference.`;
      return { ...bundle, artifacts: { problem: { reason: 'BundleMissing', message, terminal: false } } };
    }
    const value: BundleArtifact[] = [];
    for (const artifact of found.spec.artifacts) {
      const problem = await this.#directory.problemOf(artifact);
      const message = `${BUNDLE_FIELD}: ArtifactBundle ${name}: ${problem?.message ?? ''}`;
      value.push({ ...artifact, ...(problem && { problem: { ...problem, message } }) });
    }
    return { ...bundle, artifacts: { value } };
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
